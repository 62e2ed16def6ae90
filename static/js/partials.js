// The text of answers that are still coming, in their chips and in the drawer.

const texts = new Map(); // so far, by answer

function show(text, id) {
  const chip = document.getElementById(`a-${id}`);
  if (!["pending", "running"].includes(chip?.dataset.status)) return texts.delete(id);
  const { density } = chip.closest("[data-density]").dataset;
  chip.querySelector(".text").textContent = (density === "chips" ? text.trim().split("\n")[0] : text) || "running";
  document.querySelector(`#drawer [data-partial="${id}"]`)?.replaceChildren(text);
}

export const showPartials = (told) => Object.entries(told).forEach(([id, text]) => show(texts.set(id, text).get(id), id));

// A chip that comes anew while its answer is running says so, and nothing of the text.
document.addEventListener("htmx:after:swap", () => texts.forEach(show));
