// The conversation viewer: live without moving the reader, older pages above, sound, the trace drawer.
import { morphChildren } from "./morph.js";

const $ = (s, r = document) => r.querySelector(s);
const scroller = $("[data-messages]");
const latest = $("#latest");
const rows = $("#chat-rows");
const jump = $("[data-jump]");
const NEAR = 80;
let unseen = 0;

const atBottom = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR;
const toBottom = () => { scroller.scrollTop = scroller.scrollHeight; unseen = 0; if (jump) jump.hidden = true; };

// One refresh at a time and at most one waiting: a burst of hints becomes two fetches.
function refresher(box, url, after) {
  let running = false, again = false;
  return async function run() {
    if (running) { again = true; return; }
    running = true;
    try {
      const answer = await fetch(url(), { headers: { "HX-Request": "true" }, credentials: "same-origin" });
      if (answer.ok) after(morphChildren(box, await answer.text()));
      else if (answer.status === 401 || answer.status === 403) location.reload();
    } catch { /* offline: the stream's reconnect sends a resync */ }
    running = false;
    if (again) { again = false; run(); }
  };
}

if (scroller) {
  const target = latest.dataset.target && document.getElementById(latest.dataset.target);
  if (target) { target.scrollIntoView({ block: "center" }); target.classList.add("flash"); } else toBottom();
  const refresh = refresher(latest, () => latest.dataset.liveLatest, (added) => {
    const came = added.filter((id) => id.startsWith("msg_") || id.startsWith("obx_")).length;
    if (refresh.follow) toBottom();
    else if (came) { unseen += came; jump.textContent = `↓ ${unseen} new`; jump.hidden = false; }
  });
  const live = () => { refresh.follow = atBottom(); refresh(); };
  document.addEventListener("live", (ev) => {
    const { type, topics = [] } = ev.detail;
    const chat = $("[data-chat]").dataset.chat;
    if (type === "resync" || topics.includes(`chat:${chat}`)) live();
  });
  setInterval(() => { if (!document.hidden) live(); }, 30000); // heals a lost hint
  jump.addEventListener("click", toBottom);
  scroller.addEventListener("scroll", () => { if (atBottom()) { unseen = 0; jump.hidden = true; } }, { passive: true });
  // older pages come in above: keep what is being read where it is
  document.addEventListener("htmx:beforeSwap", (ev) => { if (ev.detail.target.id === "older") ev.detail.target.dataset.height = scroller.scrollHeight; });
  document.addEventListener("htmx:afterSwap", (ev) => {
    if (ev.detail.target.id !== "older") return;
    scroller.scrollTop += scroller.scrollHeight - Number(ev.detail.target.dataset.height || scroller.scrollHeight);
  });
  document.addEventListener("htmx:afterRequest", (ev) => {
    if (!ev.detail.elt.matches?.("[data-composer]") || !ev.detail.successful) return;
    refresh.follow = true; refresh();
    $("[data-composer] textarea")?.focus();
  });
}

if (rows) {
  const refresh = refresher(rows, () => rows.dataset.liveRows, () => {});
  let timer = 0;
  document.addEventListener("live", (ev) => {
    const { type, topics = [] } = ev.detail;
    if (type !== "resync" && !topics.includes("chats")) return;
    if ($("[data-search]").value) return; // a search result stays as it is
    clearTimeout(timer);
    timer = setTimeout(refresh, 400);
  });
}

document.addEventListener("keydown", (ev) => {
  const box = ev.target.closest?.("[data-composer] textarea");
  if (box && ev.key === "Enter" && !ev.shiftKey && !ev.isComposing) { ev.preventDefault(); box.form.requestSubmit(); }
});
document.addEventListener("input", (ev) => {
  const box = ev.target.closest?.("[data-composer] textarea");
  if (box) box.rows = Math.min(6, box.value.split("\n").length);
});

let sound = null, playing = null;
document.addEventListener("click", (ev) => {
  const play = ev.target.closest(".m-voice .pl");
  if (play) {
    const voice = play.closest("[data-voice]");
    if (playing === voice && !sound.paused) { sound.pause(); return; }
    if (playing !== voice) { sound?.pause(); sound = new Audio(voice.dataset.voice); playing = voice; }
    const bars = [...voice.querySelectorAll("rect")];
    sound.ontimeupdate = () => { const done = sound.currentTime / (sound.duration || 1); bars.forEach((b, i) => b.classList.toggle("p", i / bars.length < done)); };
    sound.onpause = sound.onended = () => play.setAttribute("aria-pressed", "false");
    sound.onplay = () => play.setAttribute("aria-pressed", "true");
    sound.play();
    return;
  }
  const link = ev.target.closest("[data-jump-to]");
  const there = link && document.getElementById(link.dataset.jumpTo);
  if (there) {
    ev.preventDefault();
    there.scrollIntoView({ block: "center" });
    there.classList.remove("flash");
    requestAnimationFrame(() => there.classList.add("flash"));
    return;
  }
  const opened = ev.target.closest("[data-trace]");
  if (opened) {
    document.querySelectorAll(".m-msg.sel").forEach((el) => el.classList.remove("sel"));
    opened.closest(".m-msg").classList.add("sel");
    $(".m-conv").dataset.trace = "open";
  }
  if (ev.target.closest("[data-trace-close]")) { delete $(".m-conv").dataset.trace; $(".m-msg.sel [data-trace]")?.focus(); }
});
