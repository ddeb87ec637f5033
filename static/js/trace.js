// The trace of a message: what was opened by a key or a click is where the focus goes, and it keeps up with the message.
import { reply } from "./composer.js";
import { morphChildren, refresher } from "./morph.js";

const $ = (s, r = document) => r.querySelector(s);
const trace = $("#trace");
const idle = [...trace.cloneNode(true).childNodes];
function close() {
  const from = $(".m-msg.sel [data-trace]");
  from?.closest(".m-msg").classList.remove("sel");
  delete $(".m-conv").dataset.trace;
  trace.replaceChildren(...idle);
  from?.focus();
}
document.addEventListener("click", (ev) => {
  const opened = ev.target.closest("a[data-trace]");
  if (opened) {
    document.querySelectorAll(".m-msg.sel").forEach((el) => el.classList.remove("sel"));
    opened.closest(".m-msg").classList.add("sel");
    $(".m-conv").dataset.trace = "open";
  }
  const answer = ev.target.closest("[data-reply]");
  if (answer && $("[data-composer]")) {
    ev.preventDefault();
    const said = $(".m-bub", document.getElementById(answer.dataset.reply))?.cloneNode(true);
    $(".m-taps", said ?? document.createElement("i"))?.remove();
    if (!matchMedia("(min-width: 1280px)").matches) close();
    reply(answer.dataset.reply, said?.textContent.trim().slice(0, 60) || "an attachment");
  }
  if (ev.target.closest("[data-trace-close]")) close();
});
document.addEventListener("keydown", (ev) => { if (ev.key === "Escape" && trace.contains(ev.target)) close(); });
document.addEventListener("htmx:afterSwap", (ev) => { if (ev.detail.target === trace) $("#trace-h")?.focus({ preventScroll: true }); });
const traced = () => $(".m-msg.sel [data-trace]");
const refresh = refresher(() => traced().getAttribute("href"), (html) => { if (traced()) morphChildren(trace, html); });
let late = 0;
document.addEventListener("live", (ev) => {
  const { type, topics = [] } = ev.detail;
  if (!traced() || !(type === "resync" || topics.includes(`chat:${$("#latest").dataset.chat}`))) return;
  refresh();
  clearTimeout(late);
  late = setTimeout(() => { if (traced()) refresh(); }, 3000); // its webhook deliveries come after it
});
