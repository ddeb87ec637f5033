// The list of deliveries, live: counts what is new, brings shown rows up to date in place, inserts nothing by itself.
const $ = (s, r = document) => r.querySelector(s);
const GAP = 2000, SLOW = 20000; // at most one question in 2 s; one in 20 s heals lost hints
let last = 0, timer = 0, told = 0, asking = false;

function soon() {
  if (timer || document.hidden || !$("[data-deliveries]")) return;
  timer = setTimeout(ask, Math.max(0, GAP - (Date.now() - last)));
}
async function ask() {
  timer = 0;
  const box = $("[data-deliveries]");
  if (!box || asking) return;
  asking = true; last = Date.now();
  const url = new URL(box.dataset.news, location.href);
  if (box.dataset.newest) url.searchParams.set("after", box.dataset.newest);
  url.searchParams.set("ids", [...box.querySelectorAll("tbody tr[id]")].map((row) => row.id).join(","));
  try {
    const answer = await fetch(url, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
    if (answer.ok && box.isConnected) {
      if (box.dataset.newest || !box.querySelector("tbody")) offer(box, Number(answer.headers.get("X-New-Count")));
      bring(box, await answer.text());
    }
  } catch { /* offline: the stream says so, and the next question heals it */ }
  asking = false;
}
function offer(box, count) {
  const pill = $("[data-new]", box);
  if (!count || !pill) return;
  pill.hidden = false;
  $(".num", pill).textContent = `${count > 99 ? "99+" : count} new`;
  if (Date.now() - told > 10000) { told = Date.now(); document.dispatchEvent(new CustomEvent("announce", { detail: { text: `${count} new deliveries` } })); }
}
function bring(box, html) {
  const holder = document.createElement("template");
  holder.innerHTML = `<table><tbody>${html}</tbody></table>`;
  for (const fresh of holder.content.querySelectorAll("tr[id]")) {
    const row = document.getElementById(fresh.id);
    if (!row || row.dataset.mark === fresh.dataset.mark) continue;
    const held = row.contains(document.activeElement);
    row.replaceWith(fresh);
    htmx.process(fresh);
    fresh.dispatchEvent(new CustomEvent("htmx:load", { bubbles: true, detail: { elt: fresh } })); // times in the viewer's zone
    if (held) $("a.lead-l", fresh)?.focus({ preventScroll: true });
  }
}
for (const name of ["live", "live:hint"]) {
  document.addEventListener(name, ({ detail: hint }) => { if (hint?.type === "resync" || hint?.topics?.includes("deliveries")) soon(); });
}
document.addEventListener("visibilitychange", soon);
setInterval(soon, SLOW);
