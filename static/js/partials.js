// The text of answers that are still coming, in their chips and in the drawer.

const known = new Map(); // text so far, by answer

function show(text, id) {
  const chip = document.getElementById(`a-${id}`);
  if (!["pending", "running"].includes(chip?.dataset.status)) return known.delete(id);
  const parts = { ".status": "running", ".text": text, ".short": text.trim().split("\n")[0] || "running" };
  chip.dataset.status = "running";
  for (const [part, says] of Object.entries(parts)) chip.querySelector(part)?.replaceChildren(says);
  const whole = document.querySelector(`#drawer [data-partial="${id}"]`);
  whole?.replaceChildren(text);
  whole?.removeAttribute("hidden");
}

export function showPartials(texts) {
  for (const [id, text] of Object.entries(texts)) show(known.set(id, text).get(id), id);
}

// A chip that comes anew while its answer is running says so, and nothing of the text.
document.addEventListener("htmx:after:swap", () => known.forEach(show));
