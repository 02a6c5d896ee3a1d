"use strict";
const byId = (id) => document.getElementById(id);
const base = new URL("..", location.href).href.replace(/\/$/, "");
const map = L.map("map", { worldCopyJump: true }).setView([0, 0], 2);
map.attributionControl.setPrefix("");
const footprints = L.geoJSON(null, { style: { color: "#00897b", weight: 1, fillOpacity: 0.05 }, onEachFeature: describe }).addTo(map);
const land = L.geoJSON(null, { interactive: false, style: { color: "#78909c", weight: 1, fillColor: "#90a4ae", fillOpacity: 0.25 } }).addTo(map);
let tiles = null, items = [], indices = {};
const LIMIT = 500;

async function ask(path) {
  const answer = await fetch(base + path);
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).description || answer.statusText);
  return answer.json();
}

function say(text) { byId("status").textContent = text; }

function describe(feature, layer) {
  const box = document.createElement("div");
  const cloud = feature.properties["eo:cloud_cover"];
  box.append(feature.id, document.createElement("br"), String(feature.properties.datetime || ""));
  if (cloud !== undefined) box.append(document.createElement("br"), `${cloud} % cloud`);
  layer.bindTooltip(box, { sticky: true });
}

function filters() {
  const parts = new URLSearchParams();
  const start = byId("start").value, end = byId("end").value;
  if (start || end) parts.set("datetime", `${start ? start + "T00:00:00Z" : ".."}/${end ? end + "T23:59:59Z" : ".."}`);
  const cloud = Number(byId("cloud").value);
  if (cloud < 100) parts.set("filter", `"eo:cloud_cover" <= ${cloud}`);
  return parts;
}

async function find() {
  byId("cloud-value").textContent = `${byId("cloud").value} %`;
  const name = byId("collection").value;
  if (!name) { say("the catalog is empty"); return; }
  try {
    const query = filters();
    query.set("limit", LIMIT);
    const page = await ask(`/collections/${encodeURIComponent(name)}/items?${query}`);
    items = page.features.sort((a, b) => String(a.properties.datetime).localeCompare(String(b.properties.datetime)));
    footprints.clearLayers();
    items.forEach((item) => item.geometry && footprints.addData(item));
    byId("time").max = items.length;
    byId("time").value = 0;
    say(`${page.numberMatched} scenes` + (page.numberMatched > items.length ? `, the first ${items.length} are shown` : ""));
    if (items.length) map.fitBounds(footprints.getBounds(), { maxZoom: 13 });
    counts();
    draw();
  } catch (error) { say(error.message); }
}

function counts() {
  const years = {};
  items.forEach((item) => { const year = String(item.properties.datetime || item.properties.start_datetime).slice(0, 4); years[year] = (years[year] || 0) + 1; });
  const names = Object.keys(years).sort(), most = Math.max(1, ...Object.values(years)), width = 300 / Math.max(1, names.length);
  byId("counts").replaceChildren(...names.map((year, number) => {
    const height = 28 * years[year] / most;
    const bar = svg("rect", { x: number * width + 1, y: 30 - height, width: Math.max(1, width - 2), height, fill: "#00897b" });
    const title = svg("title", {});
    title.textContent = `${year}: ${years[year]}`;
    bar.append(title);
    return bar;
  }));
}

function svg(name, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, value));
  return element;
}

function layerQuery() {
  const query = new URLSearchParams();
  const [kind, name] = byId("layer").value.split(/:(.*)/s);
  if (kind === "index") {
    query.set("index", name);
    query.set("colormap_name", "viridis");
    const range = indices[name] && indices[name].range;
    if (range) query.set("rescale", range.join(","));
  } else if (kind === "render") { JSON.parse(name).forEach((asset) => query.append("assets", asset)); }
  else if (kind === "asset") { query.set("assets", name); }
  return query;
}

function draw() {
  const chosen = Number(byId("time").value), name = byId("collection").value;
  const item = chosen > 0 ? items[chosen - 1] : null;
  byId("date").textContent = item ? `${item.properties.datetime}  ${item.id}` : "all scenes, clearest first";
  const query = layerQuery();
  if (!item) filters().forEach((value, key) => query.set(key, value));
  const path = item ? `/collections/${encodeURIComponent(name)}/items/${encodeURIComponent(item.id)}` : `/collections/${encodeURIComponent(name)}`;
  if (tiles) tiles.remove();
  tiles = L.tileLayer(`${base}${path}/tiles/WebMercatorQuad/{z}/{x}/{y}.png?${query}`, { maxZoom: 20, minZoom: 4 }).addTo(map);
  tiles.on("tileerror", () => say("some tiles could not be drawn for this layer"));
  legend();
  code(item, query);
}

function legend() {
  const [kind, name] = byId("layer").value.split(/:(.*)/s);
  const known = kind === "index" ? indices[name] : null;
  byId("legend").hidden = !known;
  if (!known) return;
  byId("low").textContent = known.range ? known.range[0] : "2 %";
  byId("high").textContent = known.range ? known.range[1] : "98 %";
  byId("cite").textContent = `${known.title}: ${known.expression}. ${known.citation}`;
}

function code(item, query) {
  const name = byId("collection").value, index = query.get("index");
  const start = byId("start").value, end = byId("end").value;
  const when = item ? `ids=["${item.id}"]` : start || end ? `datetime="${start || ".."}/${end || ".."}"` : "";
  const where = map.getBounds();
  const box = [where.getWest(), where.getSouth(), where.getEast(), where.getNorth()].map((value) => value.toFixed(4));
  const bands = query.getAll("assets").map((band) => `"${band}"`).join(", ");
  byId("code").textContent = `import stacaster\n\ncatalog = stacaster.open_catalog("CATALOG")\n` +
    `search = catalog.search(collections=["${name}"], ${when ? when + ", " : ""}bbox=[${box.join(", ")}])\n` +
    (index ? `cube = search.load(units="reflectance", native=True)\nresult = stacaster.compute_index(cube, "${index}")\n`
      : `cube = search.load(bands=[${bands}], units="physical", native=True)\n`) +
    (index ? `\n# stacaster index compute ${index} -o result.tif --catalog CATALOG --bbox ${box.join(",")}` : `\n# stacaster export -o result.nc --catalog CATALOG --bbox ${box.join(",")}`);
}

async function inspect(event) {
  const query = layerQuery();
  filters().forEach((value, key) => query.set(key, value));
  const point = event.latlng.wrap();
  try {
    say("reading ...");
    const answer = await ask(`/collections/${encodeURIComponent(byId("collection").value)}/point/${point.lng.toFixed(6)},${point.lat.toFixed(6)}?${query}`);
    const series = answer.series.filter((entry) => entry.values[0] !== null);
    say(`${point.lng.toFixed(4)}, ${point.lat.toFixed(4)}: ${series.length} values of ${answer.band_names.join(", ")}`);
    chart(series, answer.band_names);
  } catch (error) { say(error.message); }
}

function chart(series, names) {
  const area = byId("chart");
  area.toggleAttribute("hidden", !series.length);
  area.replaceChildren();
  if (!series.length) return;
  const times = series.map((entry) => Date.parse(entry.datetime)), all = series.flatMap((entry) => entry.values).filter((value) => value !== null);
  const [t0, t1] = [Math.min(...times), Math.max(...times)], [low, high] = [Math.min(...all), Math.max(...all)];
  const x = (time) => 40 + 250 * (t1 > t0 ? (time - t0) / (t1 - t0) : 0.5), y = (value) => 100 - 90 * (high > low ? (value - low) / (high - low) : 0.5);
  ["#00897b", "#c62828", "#1565c0"].slice(0, names.length).forEach((colour, band) => {
    const points = series.map((entry, number) => [x(times[number]), y(entry.values[band])]);
    area.append(svg("polyline", { points: points.map((pair) => pair.join(",")).join(" "), fill: "none", stroke: colour }));
    points.forEach(([left, top]) => area.append(svg("circle", { cx: left, cy: top, r: 2.5, fill: colour })));
  });
  [[0, 14, high.toPrecision(4)], [0, 102, low.toPrecision(4)], [40, 118, new Date(t0).toISOString().slice(0, 10)], [230, 118, new Date(t1).toISOString().slice(0, 10)]].forEach(([left, top, text]) => {
    const label = svg("text", { x: left, y: top, "font-size": 11, fill: "currentColor" });
    label.textContent = text;
    area.append(label);
  });
}

function option(value, text) { const made = document.createElement("option"); made.value = value; made.textContent = text; return made; }

async function choose() {
  const document_ = await ask(`/collections/${encodeURIComponent(byId("collection").value)}`);
  const layers = Object.entries(document_.renders || {}).map(([, render]) => option(`render:${JSON.stringify(render.assets)}`, render.title || render.assets.join(", ")));
  Object.keys(document_.item_assets || {}).forEach((name) => layers.push(option(`asset:${name}`, name)));
  Object.entries(indices).forEach(([name, index]) => layers.push(option(`index:${name}`, `${name}: ${index.title}`)));
  byId("layer").replaceChildren(...layers);
  await find();
}

async function begin() {
  try {
    land.addData(await ask("/map/land.geojson"));
    land.bringToBack();
    indices = await ask("/indices");
    const known = (await ask("/collections")).collections;
    byId("collection").replaceChildren(...known.map((entry) => option(entry.id, entry.title || entry.id)));
    if (known.length) await choose(); else say("the catalog is empty");
  } catch (error) { say(error.message); }
}

["start", "end", "cloud"].forEach((id) => byId(id).addEventListener("change", find));
byId("collection").addEventListener("change", choose);
["layer", "time"].forEach((id) => byId(id).addEventListener("change", draw));
map.on("click", inspect);
begin();
