// Busy buttons.
document.addEventListener("submit", (ev) => {
  const button = ev.submitter;
  if (!button || ev.target.matches("[popover], [data-try], [data-download], [data-composer]")) return; // these stay as they are
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
