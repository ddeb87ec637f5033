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
// What the palette does is fetched when it is first opened.
palette?.addEventListener("opened", async () => {
  let hurry = null;
  const wait = (ev) => { if (ev.key === "Enter") { ev.preventDefault(); hurry = ev; } };
  palette.addEventListener("keydown", wait);
  const { start } = await import(palette.dataset.module);
  palette.removeEventListener("keydown", wait);
  start(palette, hurry);
}, { once: true });
