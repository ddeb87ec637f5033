// The sandbox phone: its screen and what the code sees, brought up to date by hints.
import { morphChildren } from "./morph.js";

const $ = (s, r = document) => r.querySelector(s);
const screen = $("#phone-screen");
const seen = $("#phone-seen");
const bottom = () => { const box = $("[data-bottom]", screen); if (box) box.scrollTop = box.scrollHeight; };
const clock = () => { const at = $("[data-clock]", screen); if (at) at.textContent = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }); };

async function fill(box, url) {
  const answer = await fetch(url, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
  if (answer.ok) morphChildren(box, await answer.text());
}

let timer = 0, late = 0;
async function refresh() {
  try { await Promise.all([fill(screen, screen.dataset.liveScreen), fill(seen, seen.dataset.liveSeen)]); } catch { return; }
  clock(); bottom();
}

if (screen) {
  bottom(); clock();
  const soon = () => { clearTimeout(timer); timer = setTimeout(refresh, 150); };
  document.addEventListener("live", (ev) => {
    const { type, topics = [] } = ev.detail;
    if (type === "resync" || ["chats", "outbox", "sandbox"].some((t) => topics.includes(t))) { soon(); clearTimeout(late); late = setTimeout(refresh, 3000); }
  });
  setInterval(() => { if (!document.hidden) refresh(); }, 10000);
  document.addEventListener("htmx:afterSwap", (ev) => {
    if (ev.detail.target !== screen) return;
    clock(); bottom();
    $("textarea", screen)?.focus();
    soon();
  });
  document.addEventListener("keydown", (ev) => {
    const box = ev.target.closest?.("[data-phone-composer] textarea");
    if (box && ev.key === "Enter" && !ev.shiftKey && !ev.isComposing) { ev.preventDefault(); box.form.requestSubmit(); }
  });
  $("[data-submit]")?.addEventListener("change", (ev) => ev.target.form.requestSubmit());
}
