// What every page can do: ask the server, tell the reader, copy links.

export const parse = (html) => new DOMParser().parseFromString(html, "text/html");
export const UNREACHABLE = "The server cannot be reached.";
export const messageIn = (html) => parse(html).body.textContent.trim();

// Throws what the server says where it did not do it.
export async function request(url, options) {
  const response = await fetch(url, { ...options, headers: { "HX-Request": "true" } }).catch(() => { throw new Error(UNREACHABLE); });
  if (response.ok) return response;
  const message = messageIn(await response.text()) || `The server answered ${response.status}.`;
  throw Object.assign(new Error(message), { status: response.status });
}
export const ask = async (url, options) => (await request(url, options)).text();

// With an action it stays until that is taken, or until the caller removes it.
export function notice(text, action) {
  const box = document.createElement("div");
  const button = Object.assign(document.createElement("button"), { textContent: action?.name, onclick: () => { box.remove(); action.run(); } });
  box.append(text, ...(action ? [button] : []));
  if (!action) setTimeout(() => box.remove(), 5000);
  document.getElementById("notices").append(box);
  return box;
}

export const told = (promise) => promise.catch((error) => { notice(error.message); });

// One polite line for what keys did. A quiet one is only for those who hear the page.
export function say(text, quiet = false) {
  document.getElementById("said").classList.toggle("sr", quiet);
  document.getElementById("said").textContent = text;
}

document.addEventListener("click", async ({ target }) => {
  const { copy, copyText } = target.closest("button")?.dataset ?? {};
  if (!copy && !copyText) return;
  const text = copyText ? document.getElementById(copyText).textContent : new URL(copy, location.href).href;
  const copied = await navigator.clipboard?.writeText(text).then(() => true, () => false); // only on https and localhost
  if (copyText) notice(copied ? "Text copied." : "Not copied here: select the text.");
  else notice(copied ? "Link copied." : `Copy this link: ${text}`);
});
// What waited for another request is sent as its form is by then.
document.addEventListener("htmx:before:request", ({ detail: { ctx: { sourceElement, request } } }) => {
  if (sourceElement.matches("[hx-sync*=queue]")) request.body = new URLSearchParams(new FormData(request.form));
});
// The name form returns to the page it was opened on.
document.addEventListener("submit", ({ target }) => { if (target.matches(".reviewer-form")) target.elements.next.value = location.pathname + location.search + location.hash; });
