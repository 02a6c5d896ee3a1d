"use strict";
const quoted = (text) => JSON.stringify(String(text));
const shellWord = (text) => /^[\w@%+=:,./-]+$/.test(text) ? text : `'${String(text).replaceAll("'", "'\\''")}'`;

/** Python and command line of what is on the screen. */
function codeOf(state) {
  const conditions = [`collections=[${quoted(state.collection)}]`], words = ["--collection", state.collection];
  if (state.ids.length) { conditions.push(`ids=[${state.ids.map(quoted).join(", ")}]`); words.push("--filter", `id in (${state.ids.map((id) => `'${id.replaceAll("'", "''")}'`).join(", ")})`); }
  else if (state.start || state.end) { const when = `${state.start || ".."}/${state.end || ".."}`; conditions.push(`datetime=${quoted(when)}`); words.push("--datetime", when); }
  if (!state.ids.length && state.cloud < 100) { conditions.push(`cloud_cover_max=${state.cloud}`); words.push("--cloud-cover-max", state.cloud); }
  conditions.push(`bbox=[${state.box.join(", ")}]`);
  words.push(`--bbox=${state.box.join(",")}`);
  const bands = state.bands.map(quoted).join(", "), flags = state.bands.flatMap((band) => ["--bands", band]);
  const lines = ["import stacaster", "", 'catalog = stacaster.open_catalog("CATALOG")'];
  let command;
  if (state.index) {
    lines.push(`cube = catalog.cube([${bands}], units=${quoted(state.units)}, ${conditions.join(", ")})`, `index = stacaster.compute_index(cube, ${quoted(state.index)}).to_dataset()`);
    if (state.composite) return `${[...lines, `result = stacaster.composite(index, ${quoted(state.composite)})`].join("\n")}\n`;
    command = ["index", "compute", state.index, "-o", "result.tif"];
  } else {
    lines.push(`cube = catalog.cube([${bands}], units="physical", ${conditions.join(", ")})`);
    command = state.composite ? ["composite", state.composite, "-o", "result.tif", ...flags, "--units", "physical"] : ["export", "-o", "result.tif", ...flags, "--units", "physical"];
    if (state.composite) lines.push(`result = stacaster.composite(cube, ${quoted(state.composite)})`);
  }
  return `${lines.join("\n")}\n\n# the same on the command line\n# ${["stacaster", ...command, "--catalog", "CATALOG", ...words].map(shellWord).join(" ")}\n`;
}
