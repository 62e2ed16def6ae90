// A grid as one file: its search, and Esc. All else in it works without scripts.
const find = document.getElementById("find");
const has = (element, text) => element.textContent.toLowerCase().includes(text);

find.parentElement.hidden = false;
find.addEventListener("input", () => {
  const text = find.value.trim().toLowerCase();
  let found = 0;
  for (const row of document.querySelectorAll(".block > .row")) {
    const chips = [...row.querySelectorAll(".chip")];
    for (const chip of chips) chip.hidden = !has(document.getElementById(chip.hash.slice(1)), text);
    row.hidden = !chips.some((chip) => !chip.hidden);
    found += !row.hidden;
  }
  document.getElementById("found").textContent = text && `${found} prompt${found === 1 ? "" : "s"}`;
});
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && location.hash.startsWith("#d-")) location.hash = location.hash.replace("d", "a");
});
