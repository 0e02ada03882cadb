// The response-time chart of a monitor: fetches data-chart (series.json), draws it with uPlot, keeps it current.
(() => {
  "use strict";
  const card = document.querySelector("[data-chart]");
  if (!card || !window.uPlot) return;
  const part = (name) => card.querySelector(`[data-${name}]`);
  const canvas = part("canvas");
  const legend = part("legend");
  const NAMES = { dns: "DNS", connect: "Connect", tls: "TLS", first_byte: "First byte", transfer: "Transfer" };
  const REDRAW = { 1: 4000, 6: 15000, 24: 60000 }; // ms between fetches, by range in hours
  const PALETTE = 6;
  let hours = 1;
  let view = "regions";
  let place = 0; // which region the phases are shown of
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

  const lines = () => {
    if (view === "regions") return data.regions.map(({ name, response }) => ({ name, shown: response, drawn: response }));
    const region = data.regions[place] ?? data.regions[0];
    const sum = data.times.map(() => null);
    return data.phases.map((phase) => {
      const shown = region?.[phase] ?? sum;
      shown.forEach((ms, i) => (sum[i] = ms == null ? sum[i] : (sum[i] ?? 0) + ms));
      return { name: NAMES[phase], shown, drawn: [...sum] };
    });
  };

  const write = (all, index) => {
    const at = index ?? data.times.length - 1;
    legend.querySelectorAll("b").forEach((value, i) => {
      let from = at;
      if (index == null) while (from > 0 && all[i].shown[from] == null) from -= 1; // the newest there is
      value.textContent = time(all[i].shown[from]);
    });
  };

  const drawLegend = (all) => {
    legend.replaceChildren(
      ...all.map(({ name }, i) => {
        const item = document.createElement("span");
        const swatch = document.createElement("i");
        const value = document.createElement("b");
        swatch.className = `swatch swatch-${(i % PALETTE) + 1}`;
        item.append(swatch, name, value);
        return item;
      }),
    );
    if (view === "phases" && data.regions.length > 1) legend.append(chooser());
    write(all);
  };

  const chooser = () => {
    const select = document.createElement("select");
    select.className = "input chart-region";
    select.setAttribute("aria-label", "Region");
    data.regions.forEach(({ name }, i) => select.add(new Option(name, i, false, i === place)));
    select.addEventListener("change", () => {
      place = select.selectedIndex;
      draw();
    });
    return select;
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

  const options = (all) => {
    const stacked = view === "phases";
    const axis = {
      stroke: colour("--muted"),
      font: `12px ${getComputedStyle(card).fontFamily}`,
      grid: { stroke: colour("--line"), width: 1 },
      ticks: { show: false },
    };
    const line = ({ name }, i) => ({
      label: name,
      stroke: colour(token(i)),
      width: stacked ? 1 : 1.75,
      fill: stacked ? colour(token(i), 0.45) : all.length === 1 ? colour(token(i), 0.1) : undefined,
      spanGaps: false,
      points: { show: data.times.length < 60 },
    });
    return {
      width: canvas.clientWidth,
      height: canvas.clientWidth < 520 ? 200 : 260,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), card.dataset.zone || "UTC"),
      legend: { show: false },
      cursor: { y: false, points: { size: 7 }, drag: { setScale: false } },
      scales: { x: { time: true, range: () => [data.from, data.to] }, y: { range: (_, _low, high) => [0, (high || 100) * 1.12] } },
      axes: [
        { ...axis, size: 30, grid: { show: false }, values: [[3600, "{HH}:{mm}"], [60, "{HH}:{mm}"], [1, "{HH}:{mm}:{ss}"]].map(([incr, form]) => [incr, form, null, null, null, null, null, null, 1]) },
        { ...axis, size: 62, values: (_, ticks) => ticks.map(time) },
      ],
      series: [{}, ...all.map(line)],
      bands: stacked ? all.slice(1).map((_, i) => ({ series: [i + 2, i + 1] })) : [],
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
    const asked = hours;
    const answer = await fetch(`${card.dataset.chart}?hours=${asked}`, { headers: { Accept: "application/json" } });
    if (!answer.ok || asked !== hours) return;
    data = await answer.json();
    if (!canvas.matches(":hover")) draw(); // not under the reader's hand
    else waiting = true;
  };
  let waiting = false;
  canvas.addEventListener("mouseleave", () => {
    if (waiting) draw();
    waiting = false;
  });

  card.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-view], [data-hours]");
    if (!button) return;
    for (const each of button.parentElement.children) each.setAttribute("aria-pressed", each === button);
    if (button.dataset.hours) {
      hours = Number(button.dataset.hours);
      load();
    } else {
      view = button.dataset.view;
      if (data) draw();
    }
  });
  document.addEventListener("htmx:afterSettle", () => {
    if (Date.now() - fetched > REDRAW[hours]) load();
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
