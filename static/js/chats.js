// The list of conversations: live, in order, and what is searched for.
import { morphChildren, refresher } from "./morph.js";

const $ = (s) => document.querySelector(s);
const rows = $("#chat-rows");
const search = $("[data-search]");
rows.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
const url = () => { const params = new URLSearchParams(location.search); for (const name of ["message", "before", "after", "reply"]) params.delete(name); return `${rows.dataset.liveRows}&${params}`; };
const refresh = refresher(url, (html) => morphChildren(rows, html, { keep: rows.hasAttribute("data-extended") }));
let timer = 0;
const soon = () => { clearTimeout(timer); timer = setTimeout(() => { if (!search.value) refresh(); }, 400); }; // a search result stays as it is
document.addEventListener("live", (ev) => { if (ev.detail.type === "resync" || ev.detail.topics?.includes("chats")) soon(); });
document.addEventListener("htmx:afterRequest", (ev) => { if (ev.detail.elt.matches?.("[data-seen]")) soon(); });
document.addEventListener("htmx:afterSwap", (ev) => {
  if (ev.detail.target.id === "more-rows") rows.setAttribute("data-extended", "");
  if (ev.detail.target !== rows) return;
  rows.removeAttribute("data-extended");
  const put = (href) => { const to = new URL(href, location); if (search.value) to.searchParams.set("q", search.value); else to.searchParams.delete("q"); return to; };
  history.replaceState(history.state, "", put(location.href)); // what is searched for is part of the address
  document.querySelectorAll("[data-chat-filter] .m-seg a").forEach((link) => { link.href = put(link.href); });
});
