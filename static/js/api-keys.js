// The key form (presets, count, date field) and the one-time reveal; works on the page and in the dialog.
const $ = (s, r = document) => r.querySelector(s);
const $$ = (s, r = document) => [...r.querySelectorAll(s)];

function paint(form) {
  const scopes = $$('input[name="scopes"]', form);
  const on = scopes.filter((box) => box.checked).map((box) => box.value);
  const isSome = $('input[name="reach"][value="some"]', form)?.checked;
  const lines = $$('input[name="line_ids"]:checked', form).length;
  const count = $("[data-key-count]", form);
  if (count) count.textContent = `${on.length} of ${count.dataset.total} scopes, ${isSome ? `${lines} ${lines === 1 ? "line" : "lines"}` : "all lines"}`;
  $$("[data-preset]", form).forEach((button) => {
    const wanted = button.dataset.preset.split(" ");
    button.setAttribute("aria-pressed", wanted.length === on.length && wanted.every((scope) => on.includes(scope)));
  });
}
function begin(root) {
  $$("[data-key-form]", root).forEach(paint);
  $$("[data-key-reveal]", root).forEach((box) => {
    box.closest("dialog")?.setAttribute("closedby", "none");
    $("[data-finish]", box)?.setAttribute("aria-disabled", "true");
  });
}
const release = (box) => $("[data-finish]", box)?.removeAttribute("aria-disabled");

document.addEventListener("change", (ev) => {
  const form = ev.target.closest("[data-key-form]");
  if (form) paint(form);
  if (ev.target.matches("[data-stored]")) {
    const box = ev.target.closest("[data-key-reveal]");
    if (ev.target.checked) release(box); else $("[data-finish]", box)?.setAttribute("aria-disabled", "true");
  }
  if (ev.target.name === "line_ids" && ev.target.checked) { const some = $('input[name="reach"][value="some"]', form); if (some) { some.checked = true; paint(form); } }
});
document.addEventListener("click", (ev) => {
  const preset = ev.target.closest("[data-preset]");
  if (preset) {
    const form = preset.closest("form");
    const wanted = preset.dataset.preset.split(" ");
    $$('input[name="scopes"]', form).forEach((box) => { box.checked = wanted.includes(box.value); });
    paint(form);
  }
  const done = ev.target.closest("[data-finish]");
  if (done?.getAttribute("aria-disabled") === "true") ev.preventDefault();
});
document.addEventListener("copied", (ev) => { // the key itself, not the sample beside it
  const box = ev.target.closest("[data-key-reveal]");
  if (box && ev.target.parentElement.textContent.includes($("[data-token]", box).textContent)) release(box);
});
document.addEventListener("htmx:afterSwap", (ev) => begin(ev.detail.target));
begin(document);
