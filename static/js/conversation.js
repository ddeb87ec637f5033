// The conversation viewer: live without moving the reader, older pages above, sound.
import { morphChildren, refresher } from "./morph.js";

const $ = (s, r = document) => r.querySelector(s);
const scroller = $("[data-messages]");
const latest = $("#latest");
const jump = $("[data-jump]");
const NEAR = 80;
let unseen = 0;
const TAIL = 80; // bubbles that a refresh asks for again

const atBottom = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR;
const isWhole = () => !$("#newer"); // shows the end of the conversation
const toEnd = () => { if (isWhole()) toBottom(); else location.assign(`/conversations/${latest.dataset.chat}`); };
const toBottom = () => { scroller.scrollTop = scroller.scrollHeight; unseen = 0; offer(); };
function offer() {
  jump.hidden = isWhole() && !unseen;
  jump.textContent = unseen ? `↓ ${unseen} new` : "↓ Newest";
}

if (scroller) {
  const messages = () => [...latest.children].filter((el) => el.id.startsWith("msg_"));
  const target = latest.dataset.target && document.getElementById(latest.dataset.target);
  if (target) { target.scrollIntoView({ block: "center" }); target.classList.add("flash"); } else toBottom();
  offer();
  let start = "", isCut = false;
  const url = () => {
    const all = messages();
    isCut = all.length > TAIL;
    start = (isCut ? all.at(-TAIL) : all[0])?.id ?? "";
    return `/conversations/${latest.dataset.chat}/latest?start=${start}`;
  };
  const refresh = refresher(url, (html, answer) => {
    if (answer.headers.get("X-Gap")) { if (refresh.follow) location.reload(); else { unseen ||= TAIL; offer(); } return; }
    const come = morphChildren(latest, html, { from: isCut ? start : "" }).filter((id) => id.startsWith("msg_"));
    if (refresh.follow) { toBottom(); if (come.length) see(); } else { unseen += come.length; offer(); }
  });
  const live = () => {
    if (!isWhole()) { offer(); return; }
    refresh.follow = atBottom();
    refresh();
  };
  document.addEventListener("live", (ev) => {
    const { type, topics = [] } = ev.detail;
    if (type === "resync" || topics.includes(`chat:${latest.dataset.chat}`)) live();
  });
  document.addEventListener("live:open", live);
  setInterval(() => { if (!document.hidden) live(); }, 30000); // heals a lost hint
  jump.addEventListener("click", toEnd);
  let isDown = !target;
  new ResizeObserver(() => { if (isDown && isWhole()) toBottom(); }).observe(scroller); // a composer that grows hides nothing
  scroller.addEventListener("scroll", () => { isDown = atBottom(); if (unseen && isDown) { unseen = 0; offer(); see(); } }, { passive: true });
  // Older pages come in above: what is being read stays where it is.
  let held = null;
  document.addEventListener("htmx:beforeSwap", (ev) => {
    if (!ev.detail.target.matches("[data-keep-place]")) return;
    const el = [...scroller.querySelectorAll(".m-msg")].find((one) => one.getBoundingClientRect().bottom > scroller.getBoundingClientRect().top);
    held = el && { el, top: el.getBoundingClientRect().top };
  });
  document.addEventListener("htmx:afterSwap", () => {
    if (held) scroller.scrollTop += held.el.getBoundingClientRect().top - held.top;
    held = null;
    offer();
  });
  document.addEventListener("sent", () => { if (!isWhole()) { toEnd(); return; } refresh.follow = true; refresh(); });
  // Read is what somebody has in front of them: not a tab in the background, nor what is further down.
  const see = () => { if (!document.hidden && isWhole() && atBottom()) htmx.trigger("[data-seen]", "seen"); };
  setTimeout(see, 800);
  document.addEventListener("visibilitychange", () => setTimeout(see, 800));
}

// Voice memos: one at a time; a click into the wave and the arrow keys move within it.
let sound = null, playing = null;
const clock = (s) => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;
function take(voice) {
  if (playing === voice) return;
  sound?.pause();
  playing = voice; sound = new Audio(voice.dataset.voice);
  const play = $(".pl", voice), use = $("use", play), time = $(".num", voice), whole = time.textContent, bars = [...voice.querySelectorAll("rect")];
  const mark = (on) => { play.setAttribute("aria-pressed", on); use.setAttribute("href", use.getAttribute("href").replace(/#.*/, on ? "#pause" : "#play")); };
  const draw = (done, text) => { time.textContent = text; bars.forEach((bar, i) => bar.classList.toggle("p", i / bars.length < done)); };
  sound.ontimeupdate = () => draw(sound.currentTime / (sound.duration || 1), clock(sound.currentTime));
  sound.onplay = () => mark(true);
  sound.onpause = () => mark(false);
  sound.onended = () => draw(0, whole);
  sound.onerror = () => { playing = null; document.dispatchEvent(new CustomEvent("toast", { detail: { text: "This sound cannot be played here." } })); };
}
function seek(to) { // to: a function of the length
  const go = () => { sound.currentTime = Math.max(0, Math.min(sound.duration, to(sound.duration))); };
  if (sound.readyState) go(); else sound.addEventListener("loadedmetadata", go, { once: true });
}
const start = () => sound.play().catch(() => {}); // what went wrong is told by onerror
document.addEventListener("keydown", (ev) => {
  const voice = ev.target.closest?.(".pl")?.closest("[data-voice]"), step = { ArrowLeft: -5, ArrowRight: 5 }[ev.key];
  if (voice && step) { ev.preventDefault(); take(voice); seek(() => sound.currentTime + step); }
});
document.addEventListener("click", (ev) => {
  const voice = ev.target.closest("[data-voice]"), wave = ev.target.closest(".wave");
  if (voice && ev.target.closest(".pl")) {
    take(voice);
    if (sound.paused) start(); else sound.pause();
    return;
  }
  if (voice && wave) {
    const { left, width } = wave.getBoundingClientRect();
    take(voice); seek((length) => length * (ev.clientX - left) / width); start();
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
});
