// A grid as one file: its search, and Esc. All else in it works without scripts.
const find = document.getElementById("find");

find.parentElement.hidden = false;
find.addEventListener("input", () => {
  const text = find.value.trim().toLowerCase();
  let found = 0;
  for (const row of document.querySelectorAll(".block > .row")) {
    const chips = [...row.querySelectorAll(".chip")];
    for (const chip of chips) chip.hidden = !document.getElementById(chip.hash.slice(1)).textContent.toLowerCase().includes(text);
    row.hidden = !chips.some((chip) => !chip.hidden);
    found += !row.hidden;
  }
  document.getElementById("found").textContent = text && `${found} prompt${found === 1 ? "" : "s"}`;
});
addEventListener("keydown", ({ key }) => { if (key === "Escape" && /^#d-/.test(location.hash)) location.hash = location.hash.replace("d", "a"); });
