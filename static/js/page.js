// What every page can do: open dialogs, copy links and texts, show a notice. Controls that
// need scripts are hidden in the HTML and shown here.

export function notice(text, action) {
  const box = document.createElement("div");
  box.textContent = text;
  if (action) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = action.name;
    button.addEventListener("click", () => { box.remove(); action.run(); });
    box.append(button);
  }
  document.getElementById("notices").append(box);
  setTimeout(() => box.remove(), action ? 20000 : 5000);
}

// What an error says that came as a piece of a page.
export const messageIn = (html) => new DOMParser().parseFromString(html, "text/html").body.textContent.trim();

async function copy({ copy: path, copyText: id }) {
  const text = id ? document.getElementById(id).textContent : new URL(path, location.href).href;
  try {
    await navigator.clipboard.writeText(text);
    notice(id ? "Text copied." : "Link copied.");
  } catch { // browsers only copy on https and localhost
    notice(id ? "Not copied here: select the text." : `Copy this link: ${text}`);
  }
}

export function reveal(root) {
  for (const control of root.querySelectorAll("button[hidden]")) control.hidden = false;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-copy], button[data-copy-text], button[data-open]");
  if (!button) return;
  if (!button.dataset.open) copy(button.dataset);
  else document.getElementById(button.dataset.open).showModal();
});

// The name form returns to the page it was opened on.
document.addEventListener("submit", (event) => {
  const next = event.target.matches(".reviewer-form") && event.target.elements.next;
  if (next) next.value = location.pathname + location.search + location.hash;
});

document.addEventListener("htmx:after:swap", () => reveal(document));
reveal(document);
