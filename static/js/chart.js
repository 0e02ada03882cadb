// The response-time chart of a monitor: fetches data-chart (series.json), draws it with uPlot, keeps it current.
(() => {
  "use strict";
  const card = document.querySelector("[data-chart]");
  if (!card || !window.uPlot) return;
  const part = (name) => card.querySelector(`[data-${name}]`);
  const canvas = part("canvas");
  const legend = part("legend");
  const NAMES = { dns: "DNS", connect: "Connect", tls: "TLS", first_byte: "First byte", transfer: "Transfer" };
  const REDRAW = { "1h": 4000, "24h": 60000 }; // ms between fetches, by range
  const SELDOM = 300000;
  const PALETTE = 6;
  const P95 = "95 % within ";
  let range = card.dataset.range;
  let view = "regions";
  let place = null; // the name of the region that is shown alone; of phases it is always one
  let data = null;
  let plot = null;
  let fetched = 0;

  // Tokens are light-dark() pairs: only a used colour tells which one holds.
  const colour = (token, alpha = 1) => {
    const probe = document.createElement("span");
    probe.style.color = alpha < 1 ? `color-mix(in srgb, var(${token}) ${alpha * 100}%, transparent)` : `var(${token})`;
    card.append(probe);
    const used = getComputedStyle(probe).color;
    probe.remove();
    return used;
  };
  const token = (index) => `--series-${(index % PALETTE) + 1}`;
  const time = (ms) => (ms == null ? "–" : ms >= 1000 ? `${(ms / 1000).toFixed(2)} s` : `${Math.round(ms)} ms`);

  // What is drawn: each has a colour's number, the numbers to draw, and what the legend says of a point in time.
  const lines = () => (view === "phases" ? phases() : regions());
  const alone = () => data.regions.find(({ name }) => name === place); // another range may not have it
  const regions = () =>
    data.regions
      .map((region, tone) => ({ ...region, tone }))
      .filter(({ name }) => !alone() || name === place)
      .flatMap(({ name, tone, response, p95, low, high }, _, shown) => {
        const said = (at) => [time(response[at]), p95[at] === response[at] ? "" : `${P95}${time(p95[at])}`];
        const mean = { name, tone, drawn: response, said };
        const upper = { tone, drawn: p95, dash: [3, 3], width: 1, alpha: 0.6 };
        if (shown.length > 1) return [mean, upper];
        const most = (at) => [...said(at), low[at] === high[at] ? "" : `${time(low[at])} to ${time(high[at])}`];
        return [{ ...mean, said: most }, upper, { tone, drawn: high, width: 0 }, { tone, drawn: low, width: 0, band: 0.14 }];
      });
  const phases = () => {
    const region = alone() ?? data.regions[0];
    const sum = data.times.map(() => null);
    const all = data.phases.map((phase, tone) => {
      const spent = region[phase];
      spent.forEach((ms, i) => (sum[i] = ms == null ? sum[i] : (sum[i] ?? 0) + ms));
      return { name: NAMES[phase], tone, drawn: [...sum], width: 1, fill: 0.45, said: (at) => [time(spent[at])], seen: spent };
    });
    return all.filter(({ seen }) => seen.some((ms) => ms != null)); // a ping connects to nothing, a port needs no TLS
  };

  const write = (all, index) => {
    const named = all.filter(({ name }) => name);
    legend.querySelectorAll("b").forEach((value, i) => {
      const seen = named[i].seen ?? named[i].drawn;
      let at = index ?? data.times.length - 1;
      if (index == null) while (at > 0 && seen[at] == null) at -= 1; // the newest there is
      const [first, ...more] = named[i].said(at);
      value.textContent = first;
      value.nextElementSibling.textContent = more.filter(Boolean).join(", ");
    });
  };

  const drawLegend = (all) => {
    const items = all.filter(({ name }) => name).map(({ name, tone }) => {
      const [item, swatch, value, more] = ["span", "i", "b", "small"].map((tag) => document.createElement(tag));
      swatch.className = `swatch swatch-${(tone % PALETTE) + 1}`;
      item.append(swatch, name, value, more);
      return item;
    });
    for (const item of legend.querySelectorAll("span")) item.remove();
    legend.prepend(...items);
    const before = legend.querySelector("select");
    const select = data.regions.length > 1 ? chooser() : null;
    if (before?.textContent !== select?.textContent || before?.value !== select?.value) {
      before?.remove(); // the same one stays: it may be open under the reader's hand
      if (select) legend.append(select);
    }
    write(all);
  };

  const chooser = () => {
    const select = document.createElement("select");
    const shown = alone() ?? (view === "phases" ? data.regions[0] : null);
    const all = view === "phases" ? [] : [new Option("All regions", "", false, !shown)];
    select.className = "input chart-region";
    select.setAttribute("aria-label", "Region");
    select.append(...all, ...data.regions.map(({ name }) => new Option(name, name, false, name === shown?.name)));
    select.addEventListener("change", () => {
      place = select.value || null;
      draw();
    });
    return select;
  };

  // The slowest single check may be far off the page: what is usual fills it.
  const top = (all) => {
    const most = Math.max(0, ...all.filter(({ width }) => width !== 0).flatMap(({ drawn }) => drawn.filter((ms) => ms != null)));
    return (most || 100) * 1.15;
  };

  const shade = (u) => {
    const tones = { down: colour("--down-fill", 0.16), nodata: colour("--unknown-fill", 0.3), paused: colour("--unknown-fill", 0.18) };
    const { ctx, bbox } = u;
    ctx.save();
    for (const [status, from, to] of data.intervals) {
      const left = Math.max(bbox.left, u.valToPos(from, "x", true));
      const right = Math.min(bbox.left + bbox.width, u.valToPos(to, "x", true));
      ctx.fillStyle = tones[status];
      ctx.fillRect(left, bbox.top, Math.max(2 * devicePixelRatio, right - left), bbox.height);
    }
    ctx.restore();
  };

  // From ticks so many seconds apart on: how one is written, and what stands below the first one of a day.
  const DATES = [
    [2419200, "{MMM} {YYYY}"],
    [86400, "{D} {MMM}"],
    [60, "{HH}:{mm}", "\n{D} {MMM}"],
    [1, "{HH}:{mm}:{ss}", "\n{D} {MMM}"],
  ].map(([apart, form, day = null]) => [apart, form, day, day, day, null, null, null, 1]);

  const options = (all) => {
    const axis = {
      stroke: colour("--muted"),
      font: `12px ${getComputedStyle(card).fontFamily}`,
      grid: { stroke: colour("--line"), width: 1 },
      ticks: { show: false },
    };
    const line = ({ name, tone, width = 1.75, dash, alpha = 1, fill }) => ({
      label: name ?? "",
      stroke: colour(token(tone), alpha),
      width,
      dash,
      fill: fill && colour(token(tone), fill),
      spanGaps: false,
      points: { show: width > 0 && !dash && data.times.length < 60 },
    });
    const bands = all.flatMap(({ band, fill, tone }, i) => {
      if (band) return [{ series: [i, i + 1], fill: colour(token(tone), band) }]; // between the one before, and this
      return fill && i ? [{ series: [i + 1, i] }] : [];
    });
    const high = top(all);
    return {
      width: canvas.clientWidth,
      height: canvas.clientWidth < 520 ? 200 : 260,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), card.dataset.zone || "UTC"),
      legend: { show: false },
      cursor: { y: false, points: { size: 7, show: (_, i) => all[i - 1].width !== 0 }, drag: { setScale: false } },
      scales: { x: { time: true, range: () => [data.from, data.to] }, y: { range: () => [0, high] } },
      axes: [
        { ...axis, size: 44, space: 76, grid: { show: false }, values: DATES },
        { ...axis, size: 62, values: (_, ticks) => ticks.map(time) },
      ],
      series: [{}, ...all.map(line)],
      bands,
      hooks: { drawClear: [shade], setCursor: [(u) => write(all, u.cursor.idx)] },
    };
  };

  const draw = () => {
    plot?.destroy();
    plot = null;
    const empty = !data.regions.length;
    part("none").hidden = !empty;
    canvas.hidden = empty;
    legend.hidden = empty;
    if (empty) return;
    const all = lines();
    drawLegend(all);
    plot = new uPlot(options(all), [data.times, ...all.map(({ drawn }) => drawn)], canvas);
  };

  const load = async () => {
    fetched = Date.now();
    const asked = range;
    const answer = await fetch(`${card.dataset.chart}?range=${asked}`, { headers: { Accept: "application/json" } });
    if (!answer.ok || asked !== range) return;
    data = await answer.json();
    if (!canvas.matches(":hover")) draw(); // not under the reader's hand
    else waiting = true;
  };
  let waiting = false;
  canvas.addEventListener("mouseleave", () => {
    if (waiting) draw();
    waiting = false;
  });

  // Another range is a page of its own; here only the chart and its table are taken over.
  const go = async (link) => {
    range = link.dataset.to;
    for (const each of link.parentElement.children) each.toggleAttribute("aria-current", each === link);
    history.replaceState(history.state, "", link.href);
    load();
    const answer = await fetch(link.href);
    if (!answer.ok || range !== link.dataset.to) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("[data-table]");
    if (!fresh) return;
    fresh.open = part("table").open;
    part("table").replaceWith(fresh);
  };

  card.addEventListener("click", (event) => {
    const button = event.target.closest("[data-view]");
    const link = event.target.closest("[data-to]");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      go(link);
    }
    if (!button) return;
    for (const each of button.parentElement.children) each.setAttribute("aria-pressed", each === button);
    view = button.dataset.view;
    if (data) draw();
  });
  document.addEventListener("htmx:afterSettle", () => {
    if (Date.now() - fetched > (REDRAW[range] ?? SELDOM)) load();
  });
  const redraw = () => data && draw();
  document.addEventListener("themechange", redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  let width = 0;
  new ResizeObserver(() => {
    if (plot && canvas.clientWidth !== width) plot.setSize({ width: canvas.clientWidth, height: plot.height });
    width = canvas.clientWidth;
  }).observe(canvas);

  load();
})();
