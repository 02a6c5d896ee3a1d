"use strict";
const byId = (id) => document.getElementById(id);
const base = new URL("..", location.href).href.replace(/\/$/, "");
const LIMIT = 1000, NAMED = 150;
const map = L.map("map", { worldCopyJump: true, keyboard: true, doubleClickZoom: false }).setView([0, 0], 2);
map.attributionControl.setPrefix("");
map.createPane("right").style.zIndex = 250;
const land = L.geoJSON(null, { interactive: false, style: { color: "#78909c", weight: 1, fillColor: "#90a4ae", fillOpacity: 0.25 } }).addTo(map);
const footprints = L.geoJSON(null, { style: { color: "#1f6fb2", weight: 1, fillOpacity: 0.04 }, onEachFeature: describe }).addTo(map);
const drawn = L.polygon([], { color: "#d9480f", weight: 2, fillOpacity: 0.08, interactive: false }).addTo(map);
let layers = [], found = [], items = [], indices = {}, series = { rows: [], names: [] }, corners = null, asked = 0;

async function ask(path, options) {
  const answer = await fetch(base + path, options);
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).description || answer.statusText);
  return answer.json();
}

const say = (text) => { byId("status").textContent = text; };
const timeOf = (item) => String(item.properties.datetime || item.properties.start_datetime || "");
const post = (path, body) => ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

function describe(feature, layer) {
  const box = document.createElement("div"), cloud = feature.properties["eo:cloud_cover"];
  box.append(feature.id, document.createElement("br"), timeOf(feature));
  if (cloud !== undefined && cloud !== null) box.append(document.createElement("br"), `${cloud} % cloud`);
  layer.bindTooltip(box, { sticky: true });
}

function filters() {
  const parts = new URLSearchParams(), start = byId("start").value, end = byId("end").value, cloud = Number(byId("cloud").value);
  if (start || end) parts.set("datetime", `${start ? start + "T00:00:00Z" : ".."}/${end ? end + "T23:59:59Z" : ".."}`);
  if (cloud < 100) parts.set("filter", `"eo:cloud_cover" <= ${cloud}`);
  return parts;
}

async function find() {
  byId("cloud-value").textContent = `${byId("cloud").value} %`;
  const name = byId("collection").value, turn = ++asked;
  if (!name) { say("the catalog is empty"); return; }
  try {
    const query = filters();
    query.set("limit", LIMIT);
    query.set("fields", "id,geometry,bbox,properties.datetime,properties.start_datetime,properties.eo:cloud_cover");
    const page = await ask(`/collections/${encodeURIComponent(name)}/items?${query}`);
    if (turn !== asked) return; // a later question was asked meanwhile
    found = page.features.sort((a, b) => timeOf(a).localeCompare(timeOf(b)));
    const more = page.numberMatched > found.length ? `, of which the first ${found.length} are shown` : "";
    choose_season();
    say(`${items.length} of ${page.numberMatched} scenes${more}`);
    if (items.length) map.fitBounds(footprints.getBounds(), { maxZoom: 13, animate: false, paddingTopLeft: [20, 20], paddingBottomRight: panelSize() });
    await draw();
  } catch (error) { say(error.message); }
}

/** What the panel covers of the map, at the right or, on a phone, at the bottom. */
function panelSize() {
  const panel = byId("panel").getBoundingClientRect(), is_phone = panel.width > map.getSize().x * 0.8;
  return is_phone ? [20, panel.height + 20] : [panel.width + 30, 20];
}

function choose_season() {
  const months = byId("season").value.split(",").filter(Boolean).map(Number);
  items = found.filter((item) => !months.length || months.includes(Number(timeOf(item).slice(5, 7))));
  footprints.clearLayers();
  items.forEach((item) => item.geometry && footprints.addData(item));
  ["time", "other"].forEach((id) => { byId(id).max = items.length; });
  byId("time").value = 0;
  byId("other").value = items.length;
  drawCounts(byId("counts"), items.map(timeOf));
}

function layerQuery() {
  const query = new URLSearchParams(), [kind, name] = byId("layer").value.split(/:(.*)/s);
  if (kind === "index") {
    query.set("index", name);
    query.set("colormap_name", "viridis");
    const range = indices[name] && indices[name].range;
    if (range) query.set("rescale", range.join(","));
  } else if (kind === "render") query.set("render", name);
  else if (kind === "asset") query.set("assets", name);
  return query;
}

/** Path and parameters of one side: an item, the collection, or the scenes of a season by a registered search. */
async function target(position) {
  const name = encodeURIComponent(byId("collection").value), query = layerQuery();
  if (position > 0) return [`/collections/${name}/items/${encodeURIComponent(items[position - 1].id)}`, query];
  if (byId("composite").value !== "first") query.set("composite", byId("composite").value);
  if (byId("season").value) {
    if (!items.length || items.length > NAMED) throw new Error(items.length ? `${items.length} scenes are too many for one picture of a season; choose fewer years` : "no scene of this season");
    const search = await post("/searches/register", { collections: [byId("collection").value], ids: items.map((item) => item.id) });
    return [`/searches/${search.id}`, query];
  }
  filters().forEach((value, key) => query.set(key, value));
  return [`/collections/${name}`, query];
}

function title(position) {
  const item = position > 0 ? items[position - 1] : null;
  return item ? `${timeOf(item).slice(0, 10)}  ${item.id}` : "all scenes";
}

async function draw() {
  const sides = [Number(byId("time").value)], is_pair = byId("compare").checked;
  if (is_pair) sides.push(Number(byId("other").value));
  byId("date").textContent = title(sides[0]);
  byId("other-date").textContent = is_pair ? title(sides[1]) : "";
  byId("other-label").hidden = byId("swipe").hidden = !is_pair;
  byId("composite").disabled = sides.every((side) => side > 0);
  legend();
  showCode();
  try {
    const targets = await Promise.all(sides.map(target));
    layers.forEach((layer) => layer.remove());
    layers = targets.map(([path, query], number) => L.tileLayer(`${base}${path}/tiles/WebMercatorQuad/{z}/{x}/{y}.png?${query}`,
      { maxZoom: 20, minZoom: 4, pane: number ? "right" : "tilePane" }).on("tileerror", tileError).addTo(map));
    clip();
  } catch (error) { layers.forEach((layer) => layer.remove()); layers = []; say(error.message); }
}

/** Say why a tile is missing, in the server's words. */
async function tileError(event) {
  if (event.target.isTold) return;
  event.target.isTold = true;
  const answer = await fetch(event.tile.src).catch(() => null);
  const body = answer && !answer.ok ? await answer.json().catch(() => ({})) : {};
  say(body.description || "some tiles could not be drawn for this layer");
}

/** Show the right side right of the border only. */
function clip() {
  const size = map.getSize(), from = map.containerPointToLayerPoint([size.x * byId("swipe").value / 100, 0]), to = map.containerPointToLayerPoint(size);
  map.getPane("right").style.clip = `rect(${from.y}px, ${to.x}px, ${to.y}px, ${from.x}px)`;
  const left = map.containerPointToLayerPoint([0, 0]);
  map.getPane("tilePane").style.clip = byId("compare").checked ? `rect(${left.y}px, ${from.x}px, ${to.y}px, ${left.x}px)` : "";
}

function legend() {
  const [kind, name] = byId("layer").value.split(/:(.*)/s), known = kind === "index" ? indices[name] : null;
  byId("legend").hidden = !known;
  if (!known) return;
  byId("low").textContent = known.range ? known.range[0] : "2 %";
  byId("high").textContent = known.range ? known.range[1] : "98 %";
  byId("cite").textContent = `${known.title}: ${known.expression}. ${known.citation}`;
}

function showCode() {
  const [kind, name] = byId("layer").value.split(/:(.*)/s), position = Number(byId("time").value), where = map.getBounds();
  const box = [where.getWest(), where.getSouth(), where.getEast(), where.getNorth()].map((value, side) => Number(Math.max(side % 2 ? -90 : -180, Math.min(side % 2 ? 90 : 180, value)).toFixed(4)));
  const is_season = Boolean(byId("season").value), composite = byId("composite").value;
  const bands = kind === "index" ? (indices[name] || { bands: [] }).bands : kind === "render" ? (renders[name] || { assets: [] }).assets : [name];
  byId("code").textContent = codeOf({
    collection: byId("collection").value, box, bands, index: kind === "index" ? name : null, units: kind === "index" ? (indices[name] || {}).units || "physical" : "physical",
    ids: position > 0 ? [items[position - 1].id] : is_season ? items.map((item) => item.id) : [],
    start: byId("start").value, end: byId("end").value, cloud: Number(byId("cloud").value), composite: position > 0 || composite === "first" ? null : composite,
  });
}

function show(rows, names, what) {
  const values = rows.filter((entry) => entry.values.some((value) => value !== null));
  series = { rows: values, names };
  byId("save").disabled = !values.length;
  say(`${what}: ${values.length} ${values.length === 1 ? "date" : "dates"} of ${names.join(", ") || "nothing"}`);
  drawSeries(byId("chart"), values, names);
}

/** The scenes that are filtered, for numbers: the collection, or those of the season. */
async function numbersTarget() { const [path, query] = await target(0); query.delete("composite"); return [path, query]; }

async function inspect(place) {
  const point = place.wrap();
  try {
    say("reading ...");
    const [path, query] = await numbersTarget();
    const answer = await ask(`${path}/point/${point.lng.toFixed(6)},${point.lat.toFixed(6)}?${query}`);
    show(answer.series, answer.band_names, `${point.lng.toFixed(4)}, ${point.lat.toFixed(4)}`);
  } catch (error) { say(error.message); }
}

async function measure() {
  const ring = corners.map((corner) => [corner.wrap().lng, corner.lat]);
  drawing(false);
  if (ring.length < 3) { say("an area needs three corners"); drawn.setLatLngs([]); return; }
  try {
    say("reading ...");
    const [path, query] = await numbersTarget();
    const answer = await post(`${path}/statistics?${query}`, { type: "Feature", properties: {}, geometry: { type: "Polygon", coordinates: [[...ring, ring[0]]] } });
    show(answer.properties.series, Object.keys(answer.properties.statistics), "mean of the area");
  } catch (error) { say(error.message); }
}

function drawing(is_on) {
  corners = is_on ? [] : null;
  if (is_on) drawn.setLatLngs([]);
  byId("draw").setAttribute("aria-pressed", is_on);
  byId("draw").textContent = is_on ? "Finish the area" : "Draw an area";
  map.getContainer().classList.toggle("drawing", is_on);
  if (is_on) { say("click the corners, or press Space for the middle; Enter or a double click ends"); map.getContainer().focus(); }
}

function corner(place) { corners.push(place); drawn.setLatLngs(corners); }

function save() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([seriesText(series.rows, series.names)], { type: "text/csv" }));
  link.download = "series.csv";
  link.click();
  URL.revokeObjectURL(link.href);
}

function keys(event) {
  if (event.target !== map.getContainer()) return;
  if (event.key === "Enter") { event.preventDefault(); if (corners) measure(); else inspect(map.getCenter()); }
  else if (event.key === " " && corners) { event.preventDefault(); corner(map.getCenter()); }
  else if (event.key === "Escape" && corners) { drawing(false); drawn.setLatLngs([]); say(""); }
  else if (event.key === "," || event.key === ".") { byId("time").value = Number(byId("time").value) + (event.key === "." ? 1 : -1); draw(); }
}

function option(value, text) { const made = document.createElement("option"); made.value = value; made.textContent = text; return made; }

function group(name, options) { const made = document.createElement("optgroup"); made.label = name; made.append(...options); return options.length ? [made] : []; }

let renders = {};
async function choose() {
  const document_ = await ask(`/collections/${encodeURIComponent(byId("collection").value)}`);
  renders = document_.renders || {};
  const assets = Object.entries(document_.item_assets || {}).filter(([, asset]) => !(asset.roles || []).length || asset.roles.includes("data"));
  const names = new Set(assets.flatMap(([key, asset]) => [key, asset["eo:common_name"], ...(asset.bands || []).flatMap((band) => [band.name, band["eo:common_name"]])]).filter(Boolean));
  const usable = Object.entries(indices).filter(([, index]) => index.bands.every((band) => names.has(band)));
  byId("layer").replaceChildren(
    ...group("Pictures", Object.entries(renders).filter(([, render]) => [1, 3].includes((render.assets || []).length)).map(([key, render]) => option(`render:${key}`, render.title || key))),
    ...group("Indices", usable.map(([key, index]) => option(`index:${key}`, `${key}: ${index.title}`))),
    ...group("Bands", assets.map(([key, asset]) => option(`asset:${key}`, asset.title || key))));
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
byId("cloud").addEventListener("input", () => { byId("cloud-value").textContent = `${byId("cloud").value} %`; });
byId("season").addEventListener("change", () => { choose_season(); say(`${items.length} scenes`); draw(); });
byId("collection").addEventListener("change", choose);
["layer", "time", "other", "compare", "composite"].forEach((id) => byId(id).addEventListener("change", draw));
byId("swipe").addEventListener("input", clip);
byId("draw").addEventListener("click", () => { if (corners) measure(); else drawing(true); });
byId("save").addEventListener("click", save);
byId("fold").addEventListener("click", () => { const is_open = byId("body").toggleAttribute("hidden"); byId("fold").textContent = is_open ? "Show" : "Hide"; byId("fold").setAttribute("aria-expanded", !is_open); });
document.addEventListener("keydown", keys, true);
map.on("click", (event) => { if (corners) corner(event.latlng); else inspect(event.latlng); });
map.on("dblclick", () => { if (corners) measure(); });
map.on("move zoomend resize", clip);
map.on("moveend", () => { if (items.length) showCode(); });
begin();
