// One event stream for all tabs that join: in a worker that they share, or within a tab where browsers have none.
// A tab says {who, topics} and says so again every 20 s, or {leave}; it hears {state: "open" | "lost"} and {hint}.
const SILENCE = 100000; // a tab that says nothing for so long is gone
const TICK = 10000;
const ports = new Map(); // port → { who, topics, at }
let stream = null, next = null; // next: on its way to take the place of stream
let who = "", covered = new Set(), retry = 1000, timer = 0, soon = 0, last = Date.now(), isLost = false;

export function join(port) {
  port.onmessage = ({ data }) => {
    if (data.leave) { ports.delete(port); if (!ports.size) close(); return; }
    if (!ports.has(port) && stream?.readyState === EventSource.OPEN && covers(data)) port.postMessage({ state: "open" });
    ports.set(port, { ...data, at: Date.now() });
    who = data.who;
    clearTimeout(soon);
    soon = setTimeout(() => { if (!(stream || next) || !covers(data)) open(); }, 20);
  };
}

const covers = (tab) => tab.who === streamWho && tab.topics.every((topic) => covered.has(topic));
const tell = (message) => { for (const port of ports.keys()) port.postMessage(message); };
const lose = () => { isLost = true; tell({ state: "lost" }); };
let streamWho = "";

function close() {
  stream?.close(); next?.close(); stream = next = null;
  clearTimeout(timer);
}

// The old stream is heard until the new one is open, so that no hint falls between them.
function open() {
  clearTimeout(timer); next?.close();
  const topics = [...new Set([...ports.values()].filter((tab) => tab.who === who).flatMap((tab) => tab.topics))].sort();
  if (!topics.length) { close(); return; }
  covered = new Set(topics); streamWho = who;
  const one = new EventSource(`/live?topics=${encodeURIComponent(topics.join(","))}`);
  next = one;
  one.onopen = () => {
    if (next === one) { stream?.close(); stream = one; next = null; }
    retry = 1000; isLost = false;
    tell({ state: "open" });
  };
  one.onmessage = (ev) => tell({ hint: JSON.parse(ev.data) });
  one.onerror = () => {
    if (!isLost) lose();
    if (one.readyState !== EventSource.CLOSED) return; // it tries again by itself
    if (one === next) next = null;
    if (one === stream) stream = null;
    clearTimeout(timer);
    timer = setTimeout(open, retry * (0.7 + Math.random() * 0.6));
    retry = Math.min(30000, retry * 2);
  };
}

setInterval(() => {
  const now = Date.now();
  const slept = now - last > 4 * TICK; // the machine did: what looks like a connection may be none
  last = now;
  for (const [port, tab] of ports) if (slept) tab.at = now; else if (now - tab.at > SILENCE) { port.postMessage({ state: "gone" }); ports.delete(port); }
  if (!ports.size) close(); else if (slept) { lose(); close(); open(); }
}, TICK);
