// The palette: asks the server as one types, moves, opens. Fetched by keys.js when it is first opened.
const $ = (s, r = document) => r.querySelector(s);

// ``hurry``: the ↵ that was pressed before this was here
export function start(palette, hurry) {
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
  load();
  if (hurry) onArrival = () => choose(hurry.metaKey || hurry.ctrlKey);
}
