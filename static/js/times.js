// Rewrites <time data-when> in the viewer's zone; ages and countdowns tick. The exact UTC stays in the tooltip.
const zone = document.body.dataset.zone || undefined;
// the server reads what is typed into forms and filters in it
document.cookie = `zone=${Intl.DateTimeFormat().resolvedOptions().timeZone};path=/;max-age=31536000;samesite=lax`;
const h12 = new Intl.DateTimeFormat(undefined, { hour: "numeric" }).resolvedOptions().hour12;
const make = (o) => new Intl.DateTimeFormat(h12 ? undefined : "en-GB", { timeZone: zone, ...o });
const clock = make({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
const short = make({ hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { timeZone: zone, weekday: "short" });
const date = new Intl.DateTimeFormat("en-GB", { timeZone: zone, day: "numeric", month: "short" });
const key = new Intl.DateTimeFormat("en-CA", { timeZone: zone });
const days = (a, b) => Math.round((Date.parse(key.format(b)) - Date.parse(key.format(a))) / 864e5);
const year = (t) => key.format(t).slice(0, 4);

function age(then, now) {
  const s = (now - then) / 1000, a = Math.abs(s);
  if (a < 10) return "just now";
  const [size, unit] = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]].find(([n]) => a >= n);
  const text = `${Math.floor(a / size)} ${unit}`;
  return s > 0 ? `${text} ago` : `in ${text}`;
}
function left(then, now) {
  const s = Math.max(0, Math.round((then - now) / 1000));
  const pad = (n) => String(n).padStart(2, "0");
  return s >= 3600 ? `${Math.floor(s / 3600)}:${pad(Math.floor(s / 60) % 60)}:${pad(s % 60)}` : `${Math.floor(s / 60)}:${pad(s % 60)}`;
}
const styles = {
  list(t, now) {
    const n = days(t, now);
    if (n === 0) return clock.format(t);
    if (n > 0 && n < 7) return `${day.format(t)} ${short.format(t)}`;
    return year(t) === year(now) ? `${date.format(t)} ${short.format(t)}` : `${date.format(t)} ${year(t)}`;
  },
  detail(t, now) {
    const n = days(t, now);
    const name = { 0: "Today", 1: "Yesterday", "-1": "Tomorrow" }[n] || date.format(t) + (year(t) === year(now) ? "" : ` ${year(t)}`);
    return `${name}, ${clock.format(t)}`;
  },
  brief: (t, now) => days(t, now) === 0 ? short.format(t) : styles.list(t, now),
  clock: (t) => short.format(t),
  day: (t, now) => ({ 0: "Today", 1: "Yesterday" })[days(t, now)] || styles.date(t, now),
  date: (t, now) => date.format(t) + (year(t) === year(now) ? "" : ` ${year(t)}`),
  age,
};
function write(root) {
  const now = new Date();
  for (const el of root.querySelectorAll("time[data-when]")) set(el, styles[el.dataset.when]?.(new Date(el.dateTime), now));
  tick(root, now);
}
function tick(root, now = new Date()) {
  for (const el of root.querySelectorAll("time[data-left]")) set(el, left(new Date(el.dateTime), now));
}
const set = (el, text) => { if (text && el.textContent !== text) el.textContent = text; };

write(document);
document.addEventListener("htmx:load", ({ detail: { elt } }) => write(elt.matches("time") ? elt.parentElement : elt)); // once for each new element
document.addEventListener("content:changed", (ev) => write(ev.detail.root));
setInterval(() => { if (!document.hidden) tick(document); }, 1000);
setInterval(() => { if (!document.hidden) write(document); }, 30000);
