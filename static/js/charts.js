// The read-outs of charts: hover shows a column's values, a click filters the list to it.
const boxOf = (hit) => hit.closest("[data-chart]")?.querySelector("[data-tip-box]");
document.addEventListener("pointerover", (ev) => {
  const hit = ev.target.closest?.(".hit[data-tip]");
  if (!hit) return;
  const box = boxOf(hit);
  box.textContent = hit.dataset.tip; box.hidden = false;
  const at = parseFloat(hit.getAttribute("x"));
  box.style.setProperty("left", at > 60 ? "auto" : `${at + 4}%`);
  box.style.setProperty("right", at > 60 ? `${104 - at}%` : "auto");
});
document.addEventListener("pointerout", (ev) => { if (ev.target.matches?.(".hit")) boxOf(ev.target).hidden = true; });
document.addEventListener("click", (ev) => { const hit = ev.target.closest?.(".hit[data-href]"); if (hit) location.assign(hit.dataset.href); });
