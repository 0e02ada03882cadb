// Days of a row of bars ([data-days]): the arrow keys move from one to the next, so that the row is one stop of Tab.
(() => {
  "use strict";
  const STEPS = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
  document.addEventListener("keydown", (event) => {
    const day = event.target.closest?.("[data-days] > li");
    const step = STEPS[event.key];
    if (!day || !step || event.ctrlKey || event.metaKey || event.altKey) return;
    const days = [...day.parentElement.children].filter((each) => each.offsetParent); // a phone shows fewer
    const next = days[Math.min(days.length - 1, Math.max(0, days.indexOf(day) + step))];
    event.preventDefault();
    day.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
})();
