"use strict";
const COLOURS = ["#1f77b4", "#e8590c", "#2f9e44"];

function svgElement(name, attributes, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, value));
  if (text !== undefined) element.textContent = text;
  return element;
}

/** Bars of the number of scenes a year. */
function drawCounts(area, times) {
  const years = {};
  times.forEach((time) => { const year = String(time).slice(0, 4); years[year] = (years[year] || 0) + 1; });
  const names = Object.keys(years).sort(), most = Math.max(1, ...Object.values(years)), width = 300 / Math.max(1, names.length);
  area.replaceChildren(...names.flatMap((year, number) => {
    const height = 24 * years[year] / most;
    const bar = svgElement("rect", { x: number * width + 1, y: 26 - height, width: Math.max(1, width - 2), height, fill: "var(--mark)" });
    bar.append(svgElement("title", {}, `${year}: ${years[year]}`));
    const label = number % Math.ceil(names.length / 6) ? [] : [svgElement("text", { x: number * width + 1, y: 38, "font-size": 10, fill: "currentColor" }, year)];
    return [bar, ...label];
  }));
}

/** Values over time, a line for each band. */
function drawSeries(area, series, names) {
  area.toggleAttribute("hidden", !series.length);
  area.replaceChildren();
  if (!series.length) return;
  const times = series.map((entry) => Date.parse(entry.datetime)), all = series.flatMap((entry) => entry.values).filter((value) => value !== null);
  const [t0, t1] = [Math.min(...times), Math.max(...times)], [low, high] = [Math.min(...all), Math.max(...all)];
  const x = (time) => 46 + 246 * (t1 > t0 ? (time - t0) / (t1 - t0) : 0.5), y = (value) => 100 - 88 * (high > low ? (value - low) / (high - low) : 0.5);
  [low, high].forEach((value) => {
    area.append(svgElement("line", { x1: 46, x2: 292, y1: y(value), y2: y(value), stroke: "var(--line)" }));
    area.append(svgElement("text", { x: 42, y: y(value) + 4, "font-size": 10, "text-anchor": "end", fill: "currentColor" }, Number(value.toPrecision(4))));
  });
  names.forEach((name, band) => {
    const colour = COLOURS[band % COLOURS.length];
    const points = series.map((entry, number) => [x(times[number]), y(entry.values[band]), entry]).filter((point) => point[2].values[band] !== null);
    area.append(svgElement("polyline", { points: points.map((point) => `${point[0]},${point[1]}`).join(" "), fill: "none", stroke: colour }));
    points.forEach(([left, top, entry]) => {
      const dot = svgElement("circle", { cx: left, cy: top, r: 2.8, fill: colour });
      dot.append(svgElement("title", {}, `${entry.datetime.slice(0, 10)} ${name}: ${entry.values[band].toPrecision(5)}`));
      area.append(dot);
    });
  });
  [[46, "start", t0], [292, "end", t1]].forEach(([left, anchor, time]) =>
    area.append(svgElement("text", { x: left, y: 116, "font-size": 10, "text-anchor": anchor, fill: "currentColor" }, new Date(time).toISOString().slice(0, 10))));
}

/** The series as CSV text. */
function seriesText(series, names) {
  const lines = series.map((entry) => [entry.datetime, ...entry.values.map((value) => value === null ? "" : value)].join(","));
  return [["datetime", ...names].join(","), ...lines].join("\n") + "\n";
}
