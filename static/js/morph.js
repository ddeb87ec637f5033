// Makes a container's children equal to fetched HTML, by id: unchanged ones are not touched, so focus, selection and
// playing sound stay where they are. Returns the ids that are new.
export function morphChildren(box, html) {
  const next = new DOMParser().parseFromString(`<div>${html}</div>`, "text/html").body.firstElementChild;
  const have = new Map([...box.children].filter((el) => el.id).map((el) => [el.id, el]));
  const added = [];
  let place = box.firstElementChild;
  for (const want of [...next.children]) {
    const mine = want.id && have.get(want.id);
    if (mine && mine.isEqualNode(want)) {
      if (mine !== place) box.insertBefore(mine, place); else place = place.nextElementSibling;
      have.delete(want.id);
      continue;
    }
    if (mine) {
      have.delete(want.id);
      if (mine.contains(document.activeElement)) { // never swap what holds the focus; it is brought up to date later
        if (mine !== place) box.insertBefore(mine, place); else place = place.nextElementSibling;
        continue;
      }
      if (mine === place) place = place.nextElementSibling;
      mine.replaceWith(want);
      if (place && want.nextElementSibling !== place) box.insertBefore(want, place);
    } else {
      if (want.id) added.push(want.id);
      box.insertBefore(want, place);
    }
    window.htmx?.process(want);
  }
  while (place) { const gone = place; place = place.nextElementSibling; if (!gone.id || have.has(gone.id)) gone.remove(); }
  for (const gone of have.values()) if (!gone.contains(document.activeElement)) gone.remove();
  document.dispatchEvent(new CustomEvent("content:changed", { detail: { root: box } }));
  return added;
}
