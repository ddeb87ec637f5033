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
});
