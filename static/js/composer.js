// The composer of a conversation: text, a file, an answer to a message; what is not sent yet is kept for the tab.
const $ = (s, r = document) => r.querySelector(s);
const composer = () => $("[data-composer]");
const chatKey = () => `draft:${$("#latest")?.dataset.chat}`;
const box = () => $("[data-composer] textarea");
const chosen = (form) => $("input[type=file]", form);
function show(form) { // what goes along with the text
  const file = chosen(form).files[0];
  $("[data-attached]", form).hidden = !file;
  $("[data-file-name]", form).textContent = file?.name ?? "";
  $("[data-replying]", form).hidden = !form.elements.reply_to.value;
}
export function reply(key, text) {
  const form = composer();
  form.elements.reply_to.value = key;
  $("[data-reply-text]", form).textContent = text;
  show(form);
  box().focus();
}
function clear(form) { form.elements.text.value = form.elements.reply_to.value = chosen(form).value = ""; sessionStorage.removeItem(chatKey()); grow(form.elements.text); show(form); }
const grow = (area) => { area.rows = Math.min(6, area.value.split("\n").length); };
if (composer()) {
  const draft = sessionStorage.getItem(chatKey());
  if (draft && !box().value) { box().value = draft; grow(box()); }
  show(composer());
}
document.addEventListener("input", (ev) => {
  if (ev.target !== box()) return;
  grow(ev.target);
  sessionStorage.setItem(chatKey(), ev.target.value);
});
document.addEventListener("change", (ev) => { if (composer()?.contains(ev.target)) show(composer()); });
document.addEventListener("paste", (ev) => { if (ev.target === box() && ev.clipboardData.files.length) { ev.preventDefault(); chosen(composer()).files = ev.clipboardData.files; show(composer()); } });
// What is on its way leaves the box at once, so that the next message can be written; what was refused comes back.
let line = Promise.resolve(); // one after the other, in order
document.addEventListener("submit", (ev) => {
  const form = ev.target;
  if (form !== composer()) return;
  ev.preventDefault();
  const text = box().value, files = chosen(form).files;
  if (!text.trim() && !files.length) { box().focus(); return; }
  const sent = { body: new FormData(form), text, files, reply: form.elements.reply_to.value, said: $("[data-reply-text]", form).textContent };
  clear(form);
  line = line.then(() => send(sent));
});
async function send(sent) {
  const answer = await fetch(composer().action, { method: "POST", body: sent.body, headers: { "HX-Request": "true" } }).catch(() => null);
  const away = answer?.headers.get("HX-Redirect");
  if (away) { location.assign(away); return; }
  if (answer?.ok) { document.dispatchEvent(new CustomEvent("sent")); return; }
  const typed = box().value;
  if (answer?.status === 422) composer().outerHTML = await answer.text();
  else document.dispatchEvent(new CustomEvent("toast", { detail: { text: answer ? `The server did not send it (${answer.status}).` : "No connection to the server. Nothing was sent." } }));
  const form = composer();
  box().value = [sent.text, typed].filter(Boolean).join("\n");
  form.elements.reply_to.value = sent.reply;
  $("[data-reply-text]", form).textContent = sent.said;
  chosen(form).files = sent.files;
  sessionStorage.setItem(chatKey(), box().value);
  show(form); grow(box()); box().focus();
}
document.addEventListener("click", (ev) => {
  if (ev.target.closest("[data-reply-drop]")) reply("", "");
  if (ev.target.closest("[data-file-drop]")) { chosen(composer()).value = ""; show(composer()); box().focus(); }
});
// Returns send where there are keys; on a phone they begin a new line.
document.addEventListener("keydown", (ev) => {
  const area = ev.target.closest?.("[data-composer] textarea");
  if (area && ev.key === "Enter" && !ev.shiftKey && !ev.isComposing && !matchMedia("(hover: none)").matches) { ev.preventDefault(); area.form.requestSubmit(); }
});
