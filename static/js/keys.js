// ⌘K and single keys. Single keys rest while typing and can be switched off (data-shortcuts on <body>).
const $ = (s, r = document) => r.querySelector(s);
const places = { o: "/", c: "/conversations", l: "/lines", w: "/webhooks", d: "/webhooks/deliveries", k: "/api-keys", s: "/settings" };
const typing = (el) => el.closest?.("input, textarea, select, [contenteditable], dialog[open]");
const palette = $("[data-palette]");
let going = 0;
document.addEventListener("keydown", (ev) => {
  if ((ev.metaKey || ev.ctrlKey) && ev.key.toLowerCase() === "k" && palette) { ev.preventDefault(); openPalette(); return; }
  if (ev.metaKey || ev.ctrlKey || ev.altKey || typing(ev.target) || !document.body.hasAttribute("data-shortcuts")) return;
  if (Date.now() - going < 1200 && places[ev.key]) { going = 0; location.assign(places[ev.key]); return; }
  going = ev.key === "g" ? Date.now() : 0;
  if (ev.key === "/") { ev.preventDefault(); ($("[data-search]") || $(".m-search"))?.focus(); }
  else if (ev.key === "?") $("#shortcuts")?.showModal();
  else if (ev.key === "j" || ev.key === "k") {
    const rows = [...document.querySelectorAll("main a.lead-l")];
    rows[Math.max(0, rows.indexOf(document.activeElement) + (ev.key === "j" ? 1 : -1))]?.focus();
  } else if (ev.key === "r") $("[data-key-replay]")?.click();
  else if (ev.key === "c") ((document.activeElement.closest?.("tr") && $("[data-copy]", document.activeElement.closest("tr"))) || $("main [data-copy]"))?.click();
});

function openPalette() { if (!palette.open) { palette.showModal(); palette.dispatchEvent(new Event("opened")); } }
if (palette) {
  const input = $("input", palette), list = $('[role="listbox"]', palette);
  let timer = 0, asked = 0, isBehind = false, onArrival = null; // ↵ before the answer waits for it
  const options = () => [...list.querySelectorAll('[role="option"]')];
  const pick = (n) => {
    const all = options();
    all.forEach((o, i) => o.setAttribute("aria-selected", i === n));
    const one = all[n];
    if (one) { input.setAttribute("aria-activedescendant", one.id); one.scrollIntoView({ block: "nearest" }); } else input.removeAttribute("aria-activedescendant");
  };
  const load = async () => {
    const mine = ++asked;
    isBehind = true;
    const text = await fetch(`${palette.dataset.palette}?q=${encodeURIComponent(input.value)}`, { headers: { "HX-Request": "true" } })
      .then((answer) => (answer.ok ? answer.text() : null), () => null);
    if (mine !== asked) return;
    isBehind = false;
    if (text === null) { list.textContent = "Search is not answering. Try again."; return; }
    list.innerHTML = text;
    pick(0);
    onArrival?.();
    onArrival = null;
  };
  palette.addEventListener("opened", () => { input.select(); onArrival = null; load(); });
  input.addEventListener("input", () => { asked++; isBehind = true; onArrival = null; clearTimeout(timer); timer = setTimeout(load, 80); });
  const go = (one, apart) => {
    if (!one || one.getAttribute("aria-disabled")) return;
    const { href, themePick, switch: organization } = one.dataset;
    palette.close();
    if (themePick) $(`[data-theme-set="${themePick}"]`)?.click();
    else if (organization) $(`form[action="/organizations/switch"] input[value="${organization}"]`)?.form.requestSubmit();
    else if (apart) open(href, "_blank", "noopener");
    else location.assign(href);
  };
  const choose = (apart) => go(options().find((o) => o.getAttribute("aria-selected") === "true"), apart);
  input.addEventListener("keydown", (ev) => {
    const all = options(), at = all.findIndex((o) => o.getAttribute("aria-selected") === "true");
    if (ev.isComposing) return;
    if (ev.key === "ArrowDown" || ev.key === "ArrowUp") { ev.preventDefault(); pick((at + (ev.key === "ArrowDown" ? 1 : -1) + all.length) % all.length); }
    else if (ev.key === "Enter") {
      ev.preventDefault();
      const apart = ev.metaKey || ev.ctrlKey;
      if (isBehind) onArrival = () => choose(apart); else choose(apart);
    }
  });
  list.addEventListener("click", (ev) => go(ev.target.closest('[role="option"]'), ev.metaKey || ev.ctrlKey));
}
