// Busy buttons and charts' read-outs.
document.addEventListener("submit", (ev) => {
  const button = ev.submitter;
  if (!button || ev.target.matches("[popover], [data-open-new], [data-try]")) return; // [data-try]: reference.js
  if (button.getAttribute("aria-busy") === "true") { ev.preventDefault(); return; }
  setTimeout(() => busy(button)); // after the browser has read the button's own value
});
function busy(button) {
  button.setAttribute("aria-busy", "true");
  if (button.dataset.busy) { button.dataset.idle = button.textContent; button.textContent = button.dataset.busy; }
}
function idle(button) {
  button.removeAttribute("aria-busy");
  if (button.dataset.idle) { button.textContent = button.dataset.idle; delete button.dataset.idle; }
}
const all = () => document.querySelectorAll('button[aria-busy="true"]:not([data-static])').forEach(idle);
document.addEventListener("htmx:afterRequest", all);
addEventListener("pageshow", all);

const boxOf = (hit) => hit.closest("[data-chart]")?.querySelector("[data-tip-box]");
document.addEventListener("pointerover", (ev) => {
  const hit = ev.target.closest?.(".hit[data-tip]");
  if (!hit) return;
  const box = boxOf(hit);
  box.textContent = hit.dataset.tip; box.hidden = false;
  const at = parseFloat(hit.getAttribute("x"));
  box.style.setProperty("left", at > 60 ? "auto" : `${at + 4}%`);
  box.style.setProperty("right", at > 60 ? `${104 - at}%` : "auto");
});
document.addEventListener("pointerout", (ev) => { if (ev.target.matches?.(".hit")) boxOf(ev.target).hidden = true; });
document.addEventListener("click", (ev) => { const hit = ev.target.closest?.(".hit[data-href]"); if (hit) location.assign(hit.dataset.href); });
