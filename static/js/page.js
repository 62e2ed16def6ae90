// What every page can do: ask the server, tell the reader, copy links, open dialogs. Controls that
// need scripts are hidden in the HTML and shown here.

export const parse = (html) => new DOMParser().parseFromString(html, "text/html");
const messageIn = (html) => parse(html).body.textContent.trim();

// The text of the answer. Throws what the server says where it did not do it.
export async function ask(url, options) {
  const response = await fetch(url, { ...options, headers: { "HX-Request": "true" } }).catch(() => null);
  if (!response) throw new Error("The server cannot be reached.");
  const text = await response.text();
  if (response.ok) return text;
  throw Object.assign(new Error(messageIn(text) || `The server answered ${response.status}.`), { status: response.status });
}

// With an action it stays until that is taken, or until the caller removes it.
export function notice(text, action) {
  const box = document.createElement("div");
  const button = document.createElement("button");
  box.append(text, ...(action ? [button] : []));
  button.textContent = action?.name;
  button.addEventListener("click", () => { box.remove(); action.run(); });
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

export function reveal(root = document) {
  for (const control of root.querySelectorAll("button[hidden]")) control.hidden = false;
}

async function copy({ copy: path, copyText: id }) {
  const text = id ? document.getElementById(id).textContent : new URL(path, location.href).href;
  const copied = await navigator.clipboard?.writeText(text).then(() => true, () => false); // only on https and localhost
  notice(copied ? (id ? "Text copied." : "Link copied.") : id ? "Not copied here: select the text." : `Copy this link: ${text}`);
}

document.addEventListener("click", ({ target }) => {
  const asked = target.closest("button:is([data-copy], [data-copy-text], [data-open])")?.dataset;
  if (asked?.open) document.getElementById(asked.open).showModal();
  else if (asked) copy(asked);
});
document.addEventListener("submit", ({ target }) => { // the name form returns to the page it was opened on
  if (target.matches(".reviewer-form")) target.elements.next.value = location.pathname + location.search + location.hash;
});
document.addEventListener("htmx:after:swap", () => reveal());
reveal();
