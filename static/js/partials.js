// The text of answers that are still coming, in their chips and in the drawer.

const known = new Map(); // text so far, by answer
const { density } = document.querySelector(".grid-page").dataset;

function show(id, text) {
  const chip = document.getElementById(`a-${id}`);
  const status = chip?.dataset.status;
  if (status !== "pending" && status !== "running") return known.delete(id);
  chip.dataset.status = "running";
  chip.querySelector(".status").textContent = "running";
  const line = text.split("\n").find((part) => part.trim())?.trim() ?? "running";
  chip.querySelector(".text").textContent = density === "chips" ? line : text;
  const whole = document.querySelector(`#drawer [data-partial="${id}"]`);
  if (whole) {
    whole.hidden = false;
    whole.textContent = text;
  }
}

export function showPartials(texts) {
  for (const [id, text] of Object.entries(texts)) {
    known.set(id, text);
    show(id, text);
  }
}

// A chip that comes anew while its answer is running says so, and nothing of the text.
document.addEventListener("htmx:after:swap", () => known.forEach((text, id) => show(id, text)));
