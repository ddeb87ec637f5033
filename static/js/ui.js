// Copy, dialogs, tabs, toasts, theme: delegated listeners, keyed by data-*.
const $ = (s, r = document) => r.querySelector(s);
const $$ = (s, r = document) => [...r.querySelectorAll(s)];
const say = (text) => { const box = $("[data-announce]"); if (box) box.textContent = text; };

// --- toasts: one at a time, 4 s, with undo 8 s; wait while hovered or focused -----------------------------------------
function toast({ text, undo }) {
  const box = $("[data-toasts]");
  if (!box || !text) return;
  const el = document.createElement("div");
  el.className = "m-toast";
  el.append(Object.assign(document.createElement("span"), { textContent: text }));
  if (undo) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Undo" });
    button.addEventListener("click", () => { el.remove(); htmx.ajax("POST", undo, { target: "body", swap: "none" }); });
    el.append(button);
  }
  box.replaceChildren(el);
  fade(el, undo ? 8000 : 4000);
}
function fade(el, ms) {
  let timer = 0;
  const go = () => { clearTimeout(timer); timer = setTimeout(() => el.remove(), ms); };
  el.onpointerenter = () => clearTimeout(timer);
  el.onpointerleave = go;
  el.addEventListener("focusin", el.onpointerenter); el.addEventListener("focusout", go);
  go();
}
document.addEventListener("toast", (ev) => toast(ev.detail)); // also sent by the server: HX-Trigger {"toast": {"text": …}}
document.addEventListener("announce", (ev) => say(ev.detail.text ?? ev.detail.value ?? ""));
$$("[data-toast-shown]").forEach((el) => fade(el, 8000));

// --- copy ------------------------------------------------------------------------------------------------------------
async function copy(button) {
  const text = button.dataset.copy || $("pre", button.parentElement)?.innerText || "";
  try { await navigator.clipboard.writeText(text); } catch { copyByHand(text); }
  const use = $("use", button);
  const sprite = use?.getAttribute("href").split("#")[0];
  use?.setAttribute("href", `${sprite}#tick`);
  button.setAttribute("data-done", "");
  say("Copied");
  button.dispatchEvent(new CustomEvent("copied", { bubbles: true }));
  setTimeout(() => { use?.setAttribute("href", `${sprite}#copy`); button.removeAttribute("data-done"); say(""); }, 1600);
}
function copyByHand(text) { // no clipboard API on plain http
  const area = Object.assign(document.createElement("textarea"), { value: text, className: "vh" });
  (document.activeElement?.closest("dialog") || document.body).append(area);
  const held = document.activeElement;
  area.select(); document.execCommand("copy"); area.remove(); held?.focus();
}

// --- tabs ------------------------------------------------------------------------------------------------------------
function pickTab(tab) {
  for (const one of $$('[role="tab"]', tab.closest('[role="tablist"]'))) {
    const on = one === tab;
    one.setAttribute("aria-selected", on);
    one.tabIndex = on ? 0 : -1;
    const panel = document.getElementById(one.getAttribute("aria-controls"));
    if (panel) panel.hidden = !on;
  }
}

// --- dialogs: native; what was typed is not thrown away ----------------------------------------------------------------
function open(dialog, opener) {
  if (!dialog || dialog.open) return;
  $$(":popover-open").forEach((el) => el.hidePopover());
  filled.set(dialog, read(dialog));
  dialog.showModal();
  ($("[data-focus]", dialog) || $("[autofocus]", dialog))?.focus();
  dialog.addEventListener("close", () => opener?.isConnected && opener.focus(), { once: true });
  dialog.dispatchEvent(new CustomEvent("opened", { bubbles: true }));
}
const filled = new WeakMap(); // what a dialog's forms held before anybody typed
const read = (dialog) => $$("form", dialog).map((f) => new URLSearchParams([...new FormData(f)].filter(([name]) => name !== "csrfmiddlewaretoken"))).join();
const holdsOn = (dialog) => dialog.getAttribute("closedby") === "none" || read(dialog) !== (filled.get(dialog) ?? "");

document.addEventListener("cancel", (ev) => {
  if (ev.target instanceof HTMLDialogElement && holdsOn(ev.target)) ev.preventDefault();
}, true);

const setTheme = (name) => dispatchEvent(new CustomEvent("theme", { detail: name }));
function markTheme() {
  const now = document.documentElement.dataset.themeChoice || "system";
  $$("[data-theme-set]").forEach((el) => el.setAttribute("aria-pressed", el.dataset.themeSet === now));
}
markTheme();

document.addEventListener("click", (ev) => {
  const hit = (s) => ev.target.closest?.(s);
  let el;
  if ((el = hit("[data-copy]"))) copy(el);
  else if ((el = hit("[data-theme-toggle]"))) { setTheme(document.documentElement.dataset.bsTheme === "dark" ? "light" : "dark"); markTheme(); }
  else if ((el = hit("[data-theme-set]"))) { setTheme(el.dataset.themeSet); markTheme(); }
  else if ((el = hit("[data-open]"))) { ev.preventDefault(); open(document.getElementById(el.dataset.open), el); }
  else if ((el = hit("[data-close]"))) el.closest("dialog, [popover]")?.[el.closest("dialog") ? "close" : "hidePopover"]();
  else if ((el = hit('[role="tab"]'))) pickTab(el);
  else if (ev.target instanceof HTMLDialogElement && !holdsOn(ev.target)) ev.target.close();
});

document.addEventListener("keydown", (ev) => {
  const tab = ev.target.closest?.('[role="tab"]');
  const step = { ArrowRight: 1, ArrowLeft: -1 }[ev.key];
  if (!tab || !step) return;
  const all = $$('[role="tab"]', tab.closest('[role="tablist"]'));
  const next = all[(all.indexOf(tab) + step + all.length) % all.length];
  next.focus(); pickTab(next);
});

// --- htmx: dialogs by fragment, focus after swaps, errors in place --------------------------------------------------------
let opener = null;
document.addEventListener("htmx:beforeRequest", (ev) => { if (ev.detail.target?.matches?.("[data-dialog]")) opener = ev.detail.elt; });
document.addEventListener("htmx:afterSwap", (ev) => {
  const dialog = ev.detail.target?.closest?.("[data-dialog]");
  if (!dialog) return;
  if (dialog.childElementCount) open(dialog, opener); else dialog.close();
  const wrong = $('[aria-invalid="true"]', dialog);
  if (!$(".err", dialog)) filled.set(dialog, read(dialog));
  (wrong || $("[data-focus]", dialog) || $("[autofocus]", dialog))?.focus();
  (wrong?.closest(".m-field") || $(".err", dialog))?.scrollIntoView({ block: "nearest" }); // with what is said about it
});
let place = null;
document.addEventListener("htmx:beforeSwap", (ev) => {
  const held = document.activeElement;
  const row = held?.closest?.("tr, li");
  place = ev.detail.target?.contains?.(held) && held !== document.body
    ? { menu: held.closest("[popover]")?.id, value: held.type === "checkbox" && held.value, id: held.id, next: row?.nextElementSibling?.id, before: row?.previousElementSibling?.id, box: ev.detail.target.id } : null;
});
document.addEventListener("htmx:afterSettle", () => {
  if (!place || (document.activeElement && document.activeElement !== document.body)) return;
  const button = place.menu && $(`[popovertarget="${place.menu}"]`);
  if (button) { // a filter that takes several values stays open
    button.focus({ preventScroll: true });
    if (place.value) { button.click(); $(`#${place.menu} input[value="${CSS.escape(place.value)}"]`)?.focus({ preventScroll: true }); }
    return;
  }
  const at = [place.id, place.next, place.before, place.box].map((id) => id && document.getElementById(id)).find(Boolean);
  const field = at && (at.matches("a, button, input, select, textarea, [tabindex]") ? at : $("a, button, input, [tabindex]", at));
  field?.focus({ preventScroll: true });
});
// in an open dialog beside what was asked, as a toast lies behind it
const sayFailed = (ev, text) => {
  const head = ev.detail.elt.closest?.("dialog[open]")?.querySelector(".m-dlg-h");
  if (!head) return toast({ text });
  const old = head.nextElementSibling, note = old?.matches("[data-failed]") ? old : document.createElement("p");
  Object.assign(note, { className: "m-note bad", role: "alert", textContent: text }).dataset.failed = "";
  head.after(note);
};
document.addEventListener("htmx:responseError", (ev) => {
  const { xhr } = ev.detail, id = xhr.getResponseHeader("X-Request-Id");
  const words = { 404: "It is no longer there.", 429: "Too many requests. Try again in a minute." };
  if (xhr.getResponseHeader("Content-Type")?.startsWith("text/plain")) words[xhr.status] = xhr.responseText; // dashboard/access.py: refuse
  sayFailed(ev, words[xhr.status] || `The server could not do that. Reload the page and try again${id ? ` (${id})` : ""}.`);
});
document.addEventListener("htmx:sendError", (ev) => sayFailed(ev, "No connection to the server. Nothing was changed."));

// --- once: the machine's own key; what scrolls shows what is current -----------------------------------------------------
if (!/Mac|iPhone|iPad/.test(navigator.platform)) $$("[data-mod-key]").forEach((el) => { el.textContent = el.textContent.replace("⌘", "Ctrl "); });
$$("[data-bottom]").forEach((el) => { el.scrollTop = el.scrollHeight; });

$(".m-tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
