// Hints of the event stream, which all tabs share (stream.js), become DOM events "live" and "live:<type>". A tab that is
// hidden for 60 s leaves the stream and catches up when it is looked at again.
import { join } from "./stream.js";

const marks = () => document.querySelectorAll("[data-live-state]");
const topics = () => [...new Set([...document.querySelectorAll("[data-topics]")].flatMap((el) => el.dataset.topics.split(",")).map((t) => t.trim()).filter(Boolean))];
const worker = document.querySelector("[data-live-worker]")?.dataset.liveWorker;
let port = null, wanted = "", since = 0, isOpen = false, hiddenTimer = 0;

function show(state) {
  const [shape, word] = { live: ["live", "Live"], paused: ["wait", "Paused, reconnecting"] }[state];
  for (const el of marks()) { el.className = `m-st ${shape}`; el.textContent = word; }
  for (const el of document.querySelectorAll("[data-live-reload]")) el.hidden = !(state === "paused" && since && Date.now() - since > 60000);
}
function reach() {
  if (port) return;
  if (worker && window.SharedWorker) port = new SharedWorker(worker, { type: "module", name: "live" }).port;
  else { const channel = new MessageChannel(); port = channel.port1; join(channel.port2); }
  port.onmessage = ({ data }) => {
    if (!wanted) return; // left meanwhile
    if (data.hint) emit(data.hint);
    else if (data.state === "open") {
      if (since) emit({ type: "resync", topics: [], id: "" });
      else if (!isOpen) document.dispatchEvent(new CustomEvent("live:open")); // what came since the page was made was not heard
      isOpen = true;
      since = 0;
      show("live");
    } else { isOpen = false; since ||= Date.now(); if (data.state === "gone") connect(true); }
  };
}
function connect(again = false) {
  const list = topics();
  const key = list.join(",");
  if (isOpen && key === wanted) show("live"); // marks may be new
  if (document.hidden || !list.length) return;
  if (key === wanted && again !== true) return;
  wanted = key;
  reach();
  port.postMessage({ who: document.body.dataset.who || "", topics: list });
}
function leave() {
  if (wanted) port.postMessage({ leave: true });
  wanted = ""; isOpen = false;
}
function emit(hint) {
  document.dispatchEvent(new CustomEvent(`live:${hint.type}`, { detail: hint }));
  document.dispatchEvent(new CustomEvent("live", { detail: hint }));
  for (const el of document.querySelectorAll("[data-live-on]")) { // hx-trigger="live" on the element fetches it again
    if (hint.type === "resync" || el.dataset.liveOn.split(",").some((t) => hint.topics.includes(t) || t === hint.type)) el.dispatchEvent(new CustomEvent("live", { detail: hint }));
  }
}
setInterval(() => { if (since && Date.now() - since > 5000) show("paused"); }, 1000);
setInterval(() => { if (wanted) connect(true); }, 20000);
document.addEventListener("visibilitychange", () => {
  clearTimeout(hiddenTimer);
  if (document.hidden) hiddenTimer = setTimeout(leave, 60000);
  else { if (!wanted) since ||= Date.now(); connect(); }
});
addEventListener("pagehide", leave);
addEventListener("pageshow", (ev) => { if (ev.persisted) { since ||= Date.now(); connect(); } });
document.addEventListener("htmx:load", connect);
connect();

// Lists never insert by themselves: count, offer, and on click show the list from its start.
const fresh = new Map();
let told = 0;
document.addEventListener("live", ({ detail: hint }) => {
  const bar = document.querySelector("[data-live-list]");
  if (!bar || !bar.dataset.types.split(",").includes(hint.type)) return;
  if (hint.id && document.getElementById(hint.id)) return;
  fresh.set(hint.id || String(fresh.size), true);
  const pill = bar.querySelector("[data-new]");
  pill.hidden = false;
  pill.querySelector(".num").textContent = `${fresh.size > 99 ? "99+" : fresh.size} new`;
  if (Date.now() - told > 10000) {
    told = Date.now();
    document.dispatchEvent(new CustomEvent("announce", { detail: { text: `${fresh.size} new ${bar.dataset.noun}` } }));
  }
});
document.addEventListener("click", (ev) => {
  const pill = ev.target.closest?.("[data-new]");
  if (!pill) return;
  fresh.clear();
  const url = new URL(location.href);
  url.searchParams.delete("before"); url.searchParams.delete("after");
  const list = pill.closest("[id]");
  const done = () => { const row = document.querySelector(`#${list.id} a.lead-l`); row?.focus(); scrollTo({ top: 0 }); };
  htmx.ajax("GET", url.pathname + url.search, { target: `#${list.id}`, select: `#${list.id}`, swap: "outerHTML" }).then(done);
});
