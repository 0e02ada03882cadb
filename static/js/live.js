// Keeps pages current: fires "live" on the body, which fragments poll on (hx-trigger="live from:body"), counts ages on,
// and tells of an outage in title and favicon.
(() => {
  "use strict";
  const SEEN = 1500; // ms between polls of a page somebody looks at
  const HIDDEN = 60000; // and of one in the background: title and favicon still tell of an outage
  let last = Date.now();

  const tick = () => {
    const now = Date.now();
    if (now - last >= (document.hidden ? HIDDEN : SEEN)) {
      last = now;
      document.body.dispatchEvent(new CustomEvent("live"));
    }
  };
  setInterval(tick, 500);
  document.addEventListener("visibilitychange", tick);

  // Ages, in the words of uptime/templatetags/ui.py
  const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const ago = (s) => {
    const unit = UNITS.find(([, size]) => s >= size);
    return unit ? `${Math.floor(s / unit[1])} ${unit[0]} ago` : "now";
  };
  const lasting = (s) => {
    const first = UNITS.findIndex(([, size]) => s >= size);
    if (first < 0) return "0 s";
    return UNITS.slice(first, first + 2)
      .map(([unit, size], i) => [unit, i ? Math.floor((s % UNITS[first][1]) / size) : Math.floor(s / size)])
      .filter(([, count]) => count)
      .map(([unit, count]) => `${count} ${unit}`)
      .join(" ");
  };
  const write = (element, words) => {
    const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(element.dateTime)) / 1000));
    const text = words(seconds);
    if (element.textContent !== text) element.textContent = text;
  };
  const count = () => {
    for (const each of document.querySelectorAll("time[data-ago]")) write(each, ago);
    for (const each of document.querySelectorAll("time[data-since]")) write(each, lasting);
  };
  setInterval(count, 1000);

  // Title, favicon and the number in the navigation
  const alarm = () => {
    const source = document.querySelector("[data-down-count]");
    if (!source) return;
    const down = Number(source.dataset.downCount);
    const favicon = document.getElementById("favicon");
    const wanted = down ? favicon.dataset.down : favicon.dataset.up;
    if (favicon.getAttribute("href") !== wanted) favicon.setAttribute("href", wanted);
    document.title = (down ? `(${down} down) ` : "") + document.title.replace(/^\(\d+ down\) /, "");
    const badge = document.querySelector("[data-down-badge]");
    if (badge) {
      badge.hidden = !down;
      badge.firstChild.textContent = down;
    }
  };
  document.addEventListener("htmx:afterSettle", () => {
    alarm();
    count();
  });

  // A redrawn fragment must not close what is open, untick what is ticked, or touch what keeps itself (charts).
  const KEPT = { open: ["DETAILS", "DIALOG"], checked: ["INPUT"] };
  if (window.Idiomorph) {
    const { callbacks } = Idiomorph.defaults;
    Idiomorph.defaults.ignoreActiveValue = true;
    callbacks.beforeAttributeUpdated = (name, element) => !KEPT[name]?.includes(element.tagName);
    callbacks.beforeNodeMorphed = (old) => !(old instanceof Element && old.hasAttribute("data-keep"));
  }
})();
