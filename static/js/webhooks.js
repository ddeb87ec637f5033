// Webhook pages: the endpoint form, the one-time secret, switches that move at once and go back if refused.
const $ = (s, r = document) => r.querySelector(s);
const $$ = (s, r = document) => [...r.querySelectorAll(s)];

function paint(form) {
  const picker = $(".m-lnpick", form);
  if (picker) picker.hidden = !$('input[name="reach"][value="some"]', form)?.checked;
}
function begin(root) {
  $$("[data-hook-form]", root).forEach(paint);
  $$("[data-hook-reveal]", root).forEach((box) => {
    box.closest("dialog")?.setAttribute("closedby", "none");
    $("[data-finish]", box)?.setAttribute("aria-disabled", "true");
  });
}
const hold = (box, held) => held ? $("[data-finish]", box)?.setAttribute("aria-disabled", "true") : $("[data-finish]", box)?.removeAttribute("aria-disabled");

document.addEventListener("change", (ev) => {
  const form = ev.target.closest("[data-hook-form]");
  if (form) paint(form);
  if (ev.target.matches("[data-stored]")) hold(ev.target.closest("[data-hook-reveal]"), !ev.target.checked);
});
document.addEventListener("click", (ev) => {
  if (ev.target.closest("[data-finish]")?.getAttribute("aria-disabled") === "true") ev.preventDefault();
});
document.addEventListener("copied", (ev) => {
  const box = ev.target.closest("[data-hook-reveal]");
  if (box && ev.target.parentElement.textContent.includes($("[data-secret]", box).textContent)) hold(box, false);
});
document.addEventListener("htmx:afterSwap", (ev) => begin(ev.detail.target));
for (const name of ["htmx:responseError", "htmx:sendError"]) {
  document.addEventListener(name, (ev) => { if (ev.detail.elt.matches?.("[data-optimistic]")) ev.detail.elt.checked = !ev.detail.elt.checked; });
}
begin(document);
