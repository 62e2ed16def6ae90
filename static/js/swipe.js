// With a finger: what a control in the drawer or the review wants a swipe for says so.

const SWIPE_PX = 60;
let from = null; // where it came down

document.addEventListener("touchstart", ({ touches: [{ clientX: x, clientY: y }, second], target }) => {
  const area = second || target.closest("textarea, .table-scroll") ? null : target.closest(".drawer, .review");
  from = area && { area, x, y, top: !area.scrollTop && !target.closest("pre")?.scrollTop };
}, { passive: true });
document.addEventListener("touchend", ({ changedTouches: [{ clientX, clientY }] }) => {
  if (!from || String(getSelection())) return;
  const [across, down] = [clientX - from.x, clientY - from.y];
  const far = (one, other) => Math.abs(one) > Math.max(SWIPE_PX, 2 * Math.abs(other));
  const way = far(across, down) ? (across < 0 ? "left" : "right") : from.top && down > 0 && far(down, across) && "down";
  from.area.querySelector(`[data-swipe="${way}"]`)?.click();
});
