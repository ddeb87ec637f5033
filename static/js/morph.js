// Makes a container's children equal to fetched HTML, by id and in place: what is the same is not touched, and what has
// changed keeps its elements, so focus, selection, an open history and a playing sound stay. Returns the ids that are new.
// `from`: only what comes after the child of this id is compared. `keep`: children the answer does not have stay.
export function morphChildren(box, html, { from = "", keep = false } = {}) {
  const next = new DOMParser().parseFromString(`<div>${html}</div>`, "text/html").body.firstElementChild;
  const held = document.activeElement;
  const start = from && [...box.children].find((el) => el.id === from);
  const before = start ? [...box.children].slice(0, [...box.children].indexOf(start) + 1) : [];
  const have = new Map([...box.children].filter((el) => !before.includes(el) && el.id).map((el) => [el.id, el]));
  const wanted = [...next.children];
  if (start) wanted.splice(0, wanted.findIndex((el) => el.id === from) + 1);
  const added = [];
  let place = start ? start.nextElementSibling : box.firstElementChild;
  for (const want of wanted) {
    const key = have.has(want.id) ? want.id : want.dataset.was; // an outbox item goes on as its message
    const mine = key && have.get(key);
    if (keep && want.matches(".m-more") && mine) continue; // more has been loaded below than the answer knows
    have.delete(key);
    if (!mine && want.id) added.push(want.id);
    if (mine) sync(mine, want);
    const el = mine || want;
    if (el === place) place = place.nextElementSibling;
    else if (mine && box.moveBefore) box.moveBefore(el, place); // keeps focus and playback
    else box.insertBefore(el, place);
    if (!mine) window.htmx?.process(el);
  }
  while (place) {
    const gone = place;
    place = place.nextElementSibling;
    if (!(keep && gone.id)) gone.remove();
  }
  if (held !== document.activeElement && held?.isConnected) held.focus({ preventScroll: true });
  document.dispatchEvent(new CustomEvent("content:changed", { detail: { root: box } }));
  return added;
}

const STATES = ["sel", "flash"]; // classes and attributes that belong to the reader, not to the server
const OWN = new Set(["open", "aria-pressed"]);
const isSame = (a, b) => a.nodeName === b.nodeName && (a.nodeType !== 1 || (a.id === b.id && a.classList[0] === b.classList[0]));

function sync(mine, want) {
  if (mine.isEqualNode(want)) return;
  if (mine.nodeType !== 1) { mine.data = want.data; return; }
  let asks = false;
  const states = STATES.filter((name) => mine.classList.contains(name));
  for (const { name } of [...mine.attributes]) if (!want.hasAttribute(name) && !OWN.has(name)) mine.removeAttribute(name);
  for (const { name, value } of want.attributes) if (mine.getAttribute(name) !== value && !OWN.has(name)) {
    if (name === "datetime") mine.textContent = want.textContent;
    mine.setAttribute(name, value);
    if (name.startsWith("hx-")) asks = true;
  }
  if (asks) window.htmx?.process(mine);
  mine.classList.add(...states);
  if (mine.matches("time, [data-voice]")) return; // written and drawn here
  const old = [...mine.childNodes];
  let at = 0;
  for (const node of [...want.childNodes]) {
    const found = old.findIndex((el, i) => i >= at && isSame(el, node));
    if (found < 0) { mine.insertBefore(node, old[at] || null); if (node.nodeType === 1) window.htmx?.process(node); continue; }
    while (at < found) old[at++].remove();
    sync(old[at++], node);
  }
  while (at < old.length) old[at++].remove();
}

// One refresh at a time and at most one waiting: a burst of hints becomes two fetches.
export function refresher(url, after) {
  let running = false, again = false;
  return async function run() {
    if (running) { again = true; return; }
    running = true;
    try {
      const answer = await fetch(url(), { headers: { "HX-Request": "true" }, credentials: "same-origin" });
      if (answer.ok) after(await answer.text(), answer);
      else if (answer.status === 401 || answer.status === 403) location.reload();
    } catch { /* offline: the stream's reconnect sends a resync */ }
    running = false;
    if (again) { again = false; run(); }
  };
}
