// The API reference: "Try it" sends real requests to this server with a key that only this tab keeps.
const $ = (s, r = document) => r.querySelector(s);
const $$ = (s, r = document) => [...r.querySelectorAll(s)];
const KEPT = "reference-key";
const SHOWN = 20000; // characters of an answer

const key = $("[data-try-key]");
key.value = sessionStorage.getItem(KEPT) || "";
for (const box of $$("[data-try-box], [data-key-box]")) box.hidden = false;
const nav = $("[data-ref-nav]");
if (matchMedia("(max-width: 1023px)").matches) nav.open = false;

const bytes = (text) => String.fromCharCode(...new TextEncoder().encode(text)); // a header holds bytes: UTF-8

function build(form) {
  let path = form.dataset.path;
  const query = new URLSearchParams(), headers = {};
  for (const input of $$("[data-name]", form)) {
    const { name, place } = input.dataset, value = input.value;
    if (!value) continue;
    if (place === "path") path = path.replace(`{${name}}`, encodeURIComponent(value));
    else if (place === "header") headers[name] = bytes(value);
    else query.append(name, value);
  }
  const text = $("[data-body]", form)?.value, file = $("[data-file]", form)?.files[0];
  if (text !== undefined) headers["Content-Type"] = "application/json";
  if (file) {
    headers["Content-Type"] = file.type || "application/octet-stream";
    headers["X-Filename"] ||= bytes(file.name);
  }
  if (!("openCall" in form.dataset)) headers.Authorization = `Bearer ${key.value.trim()}`;
  return [path + (query.size ? `?${query}` : ""), { method: form.dataset.method, headers, body: file || text || undefined, credentials: "omit" }];
}

async function read(response) {
  const type = response.headers.get("content-type") || "";
  if (!/json|text/.test(type)) return `${(await response.blob()).size.toLocaleString("en")} bytes of ${type || "unknown type"}`;
  const text = await response.text();
  let shown = text;
  if (/json/.test(type)) try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { /* shown as it came */ }
  return shown.length > SHOWN ? `${shown.slice(0, SHOWN)}\n… ${(shown.length - SHOWN).toLocaleString("en")} characters more` : shown;
}

function show(form, response, text, took) {
  const mark = $("[data-try-status]", form);
  mark.textContent = `${response.status} ${response.statusText}`.trim();
  mark.classList.toggle("bad", !response.ok);
  $("[data-try-took]", form).textContent = `${Math.round(took)} ms`;
  $("[data-try-text]", form).textContent = text || "No body";
  $("[data-try-headers]", form).textContent = [...response.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
  $("[data-try-answer]", form).hidden = false;
}

async function send(form) {
  const state = $("[data-try-state]", form), button = $("button[type=submit]", form);
  if (!("openCall" in form.dataset) && !key.value.trim()) {
    state.textContent = "Paste a key at the top of the page first.";
    key.focus();
    return;
  }
  state.textContent = "Sending";
  button.setAttribute("aria-busy", "true");
  const begun = performance.now();
  try {
    const [url, options] = build(form);
    const response = await fetch(url, options);
    const took = performance.now() - begun;
    show(form, response, await read(response), took);
    state.textContent = "";
  } catch (problem) {
    state.textContent = `The request could not be sent: ${problem.message}`;
  } finally {
    button.removeAttribute("aria-busy");
  }
}

document.addEventListener("submit", (ev) => {
  const form = ev.target;
  if (!form.matches("[data-try], [data-key-form]")) return;
  ev.preventDefault();
  if (form.matches("[data-try]") && !$("[aria-busy]", form)) send(form);
});
key.addEventListener("input", () => sessionStorage.setItem(KEPT, key.value.trim()));
$("[data-key-forget]").addEventListener("click", () => { sessionStorage.removeItem(KEPT); key.value = ""; key.focus(); });

// The sidebar marks the endpoint that is being read, and keeps it in sight.
const links = new Map($$("a[href^='#']", nav).map((link) => [link.hash.slice(1), link]));
function mark(id) {
  const link = links.get(id);
  if (!link || link.hasAttribute("aria-current")) return;
  for (const other of links.values()) other.removeAttribute("aria-current");
  link.setAttribute("aria-current", "location");
  const frame = nav.parentElement, box = link.getBoundingClientRect(), around = frame.getBoundingClientRect();
  if (box.top < around.top || box.bottom > around.bottom) frame.scrollTop += box.top - around.top - 80;
}
const seen = new IntersectionObserver((entries) => { for (const entry of entries) if (entry.isIntersecting) mark(entry.target.id); }, { rootMargin: "-80px 0px -75% 0px" });
for (const part of $$(".m-ref-op[id], #start")) seen.observe(part);
nav.addEventListener("click", (ev) => { if (ev.target.closest("a") && matchMedia("(max-width: 1023px)").matches) nav.open = false; });
