// One event stream per tab for all topics the page names; closed when hidden for 60 s. Hints become DOM events "live:<type>".
const marks = () => document.querySelectorAll("[data-live-state]");
const topics = () => [...new Set([...document.querySelectorAll("[data-topics]")].flatMap((el) => el.dataset.topics.split(",")).map((t) => t.trim()).filter(Boolean))];
let source = null, wanted = "", since = 0, hiddenTimer = 0, retry = 1000, retryTimer = 0;

function show(state) {
  const [shape, word] = { live: ["live", "Live"], paused: ["wait", "Paused, reconnecting"], off: ["off", "Not live"] }[state];
  for (const el of marks()) { el.className = `m-st ${shape}`; el.textContent = word; }
  for (const el of document.querySelectorAll("[data-live-reload]")) el.hidden = !(state === "paused" && since && Date.now() - since > 60000);
}
function close() { source?.close(); source = null; clearTimeout(retryTimer); }
function connect() {
  const list = topics();
  const key = list.join(",");
  if (source && key === wanted) { if (source.readyState === EventSource.OPEN) show("live"); return; } // marks may be new
  close(); wanted = key;
  if (!list.length || document.hidden) return;
  source = new EventSource(`/live?topics=${encodeURIComponent(key)}`);
  source.onopen = () => { if (since) emit({ type: "resync", topics: [], id: "" }); since = 0; retry = 1000; show("live"); };
  source.onmessage = (ev) => emit(JSON.parse(ev.data));
  source.onerror = () => {
    since ||= Date.now();
    if (source?.readyState === EventSource.CLOSED) { close(); retry = Math.min(30000, retry * 2); retryTimer = setTimeout(connect, retry * (0.7 + Math.random() * 0.6)); }
  };
}
function emit(hint) {
  document.dispatchEvent(new CustomEvent(`live:${hint.type}`, { detail: hint }));
  document.dispatchEvent(new CustomEvent("live", { detail: hint }));
  for (const el of document.querySelectorAll("[data-live-on]")) { // hx-trigger="live" on the element fetches it again
    if (hint.type === "resync" || el.dataset.liveOn.split(",").some((t) => hint.topics.includes(t) || t === hint.type)) el.dispatchEvent(new CustomEvent("live", { detail: hint }));
  }
}
setInterval(() => { if (since && Date.now() - since > 5000) show("paused"); }, 1000);
document.addEventListener("visibilitychange", () => {
  clearTimeout(hiddenTimer);
  if (document.hidden) hiddenTimer = setTimeout(() => { close(); wanted = ""; }, 60000);
  else { if (!source) since ||= Date.now(); connect(); }
});
addEventListener("pagehide", close);
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
