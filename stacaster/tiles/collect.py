"""Tiles that are done as one catalog, and as mosaics that GDAL opens."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from stacaster.catalog import open_catalog
from stacaster.catalog.commit import StagedItem, commit_items, settle
from stacaster.catalog.remove import remove_items
from stacaster.catalog.store import CatalogStore
from stacaster.errors import NothingFoundError, UsageError
from stacaster.files.atomic import complete_file
from stacaster.files.checksums import file_multihash
from stacaster.files.system.disk import link_or_copy
from stacaster.files.vector_files import write_geopackage
from stacaster.model.checked import checked
from stacaster.tiles.ledger import Ledger
from stacaster.tiles.marks import absorb_waiting, forget_marks
from stacaster.tiles.plan import LEDGER, OUTPUTS, read_run
from stacaster.tiles.recipe import Recipe, read_recipe
from stacaster.tiles.run import CATALOG, Progress
from stacaster.tiles.task import COLLECTION
from stacaster.tiles.zarr_region import STORE

MOSAICS = "mosaics"
"""Folder of the mosaics, inside the folder of a run."""

_BATCH = 500
_TYPES = {"uint8": "Byte", "int8": "Int8", "uint16": "UInt16", "int16": "Int16", "uint32": "UInt32", "int32": "Int32",
          "float32": "Float32", "float64": "Float64"}  # fmt: skip


@checked
def collect_tiles(output: str | os.PathLike[str], *, progress: Progress | None = None) -> Path:
    """Make a catalog of the tiles that are done, and mosaics over all of them; may be repeated while a run goes on.

    Files are linked, not copied, where the file system allows it. Items of tiles that are no longer done are removed;
    tiles whose files are others than the ledger says become stale.

    Args:
        output: Folder of the run.
        progress: Called after every batch.

    Returns:
        Folder of the catalog, ``catalog`` in the folder of the run; ``mosaics`` beside it holds a ``.gti.gpkg`` (GDAL
        tile index) a variable and CRS, and of composites a ``.vrt`` a variable, CRS and period. Of ``zarr`` the store,
        which is whole as it is.

    Raises:
        NothingFoundError: No tile is done.
        UsageError: The tiles are NetCDF files, which are no items.
        CatalogError: The folder holds no run, or the catalog is damaged.
    """
    folder = Path(output).absolute()
    recipe = read_recipe(read_run(folder)["recipe"])
    if recipe.format == "zarr":
        # Its regions are in place already.
        return Path(output) / STORE
    if recipe.format != "cog":
        raise UsageError("tiles of NetCDF are collected by xarray.open_mfdataset, not into a catalog")
    ledger = Ledger(folder / LEDGER)
    absorb_waiting(folder, ledger)
    done, other = _done(folder / OUTPUTS, ledger)
    # Such as what a job of an earlier plan wrote when it ended late.
    ledger.reopen(other)
    forget_marks(folder, other)
    if not done:
        raise NothingFoundError(f"no tile of {folder.name} is done")
    store = CatalogStore(folder / CATALOG)
    store.prepare()
    wanted: set[str] = set()
    items = _items(folder / OUTPUTS, done)
    counted = 0
    while batch := list(islice(items, _BATCH)):
        wanted |= {path.name for path in batch}
        document = json.loads((batch[-1].parent / COLLECTION).read_text(encoding="utf-8"))
        _commit(store, batch, recipe.title, document)
        counted += len(batch)
        if progress is not None:
            progress(counted, counted, batch[-1].parent.name)
    settle(store)
    catalog = open_catalog(folder / CATALOG)
    gone = [
        (str(item.collection_id), item.id)
        for item in catalog.search(collections=recipe.title).items() if item.id not in wanted
    ]  # fmt: skip
    if gone:
        remove_items(store, gone, dry_run=False)
    _mosaics(folder, recipe)
    return Path(output) / CATALOG


def _done(tiles: Path, ledger: Ledger) -> tuple[list[str], list[str]]:
    """Return the tiles whose items are those that the ledger knows, and those whose items are others."""
    done: list[str] = []
    other: list[str] = []
    for entry in ledger.entries("done"):
        files = (entry.result or {}).get("files", {})
        documents = {name: file["checksum"] for name, file in files.items() if name.endswith(".json")}
        is_whole = all(
            (path := tiles / entry.key / name).is_file() and file_multihash(path) == checksum
            for name, checksum in documents.items()
        )
        (done if is_whole else other).append(entry.key)
    return done, other


def _items(tiles: Path, done: Sequence[str]) -> Iterator[Path]:
    """Yield the folders of items."""
    for key in done:
        for path in sorted((tiles / key).iterdir()):
            if path.is_dir():
                yield path


def _commit(store: CatalogStore, folders: Sequence[Path], name: str, document: Mapping[str, Any]) -> None:
    with store.staging() as staging:
        staged = []
        for source in folders:
            target = staging / source.name
            target.mkdir()
            for path in source.iterdir():
                _link(path, target / path.name)
            item = json.loads((source / f"{source.name}.json").read_text(encoding="utf-8"))
            staged.append(StagedItem(item=item, folder=target))
        commit_items(store, staged, documents={name: document})


def _link(source: Path, target: Path) -> None:
    # The JSON is a file of its own: a catalog may change what an item says.
    if source.suffix == ".json":
        shutil.copyfile(source, target)
        return
    link_or_copy(source, target)


def _mosaics(folder: Path, recipe: Recipe) -> None:
    """Write a tile index a variable, and virtual rasters of periods."""
    import geopandas
    import shapely

    # Hrefs are those of the place itself, also where the folder was named by a symbolic link.
    folder = folder.resolve()
    catalog = open_catalog(folder / CATALOG)
    rows: dict[str, list[dict[str, Any]]] = {}
    for item in catalog.search(collections=recipe.title).items():
        for key, asset in item.assets.items():
            fields = asset.extra_fields
            rows.setdefault(key, []).append({
                "location": Path(asset.href).relative_to(folder).as_posix(), "item": item.id,
                "tile": item.properties.get("grid:code"), "datetime": item.properties["datetime"],
                "crs": fields.get("proj:code") or fields["proj:wkt2"], "shape": fields["proj:shape"],
                "transform": fields["proj:transform"], "type": fields["data_type"], "nodata": fields.get("nodata"),
            })  # fmt: skip
    (folder / MOSAICS).mkdir(exist_ok=True)
    for key, every in rows.items():
        grids = sorted({row["crs"] for row in every})
        for crs in grids:
            found = [row for row in every if row["crs"] == crs]
            # Zones of MGRS: a mosaic each.
            stem = key if len(grids) == 1 else f"{key}-{crs.replace(':', '')}"
            frame = geopandas.GeoDataFrame(
                # GDAL takes relative places from the folder of the index.
                [{"location": f"../{row['location']}", "tile": row["tile"], "datetime": row["datetime"]}
                 for row in found],
                geometry=[shapely.box(*_bounds(row)) for row in found], crs=crs,
            )  # fmt: skip
            with complete_file(folder / MOSAICS / f"{stem}.gti.gpkg") as part:
                write_geopackage(frame, part, layer=key)
            for label, part_rows in _pictures(found, recipe).items():
                with complete_file(folder / MOSAICS / f"{stem}{label}.vrt") as part:
                    part.write_text(_virtual(part_rows), encoding="utf-8")


def _pictures(rows: Sequence[Mapping[str, Any]], recipe: Recipe) -> dict[str, list[Mapping[str, Any]]]:
    """Return the rows of each picture of the whole by the end of its name: one a period; none of single dates."""
    if recipe.composite is None:
        return {}
    if recipe.period is None:
        # Tiles of one composite begin with different scenes.
        return {"": list(rows)}
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(f"-{row['datetime'][:10]}", []).append(row)
    return found


def _bounds(row: Mapping[str, Any]) -> tuple[float, float, float, float]:
    (rows, cols), (a, _, left, _, e, top) = row["shape"], row["transform"][:6]
    return left, top + rows * e, left + cols * a, top


def _virtual(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a VRT over tiles of one grid."""
    from pyproj import CRS

    bounds = [_bounds(row) for row in rows]
    west, north = min(b[0] for b in bounds), max(b[3] for b in bounds)
    a, e = float(rows[0]["transform"][0]), float(rows[0]["transform"][4])
    width = round((max(b[2] for b in bounds) - west) / a)
    height = round((min(b[1] for b in bounds) - north) / e)
    nodata = rows[0]["nodata"]
    fill = "" if nodata is None else f"<NoDataValue>{nodata}</NoDataValue>"
    sources = []
    for row, box in zip(rows, bounds, strict=True):
        size = f'xSize="{row["shape"][1]}" ySize="{row["shape"][0]}"'
        place = f'xOff="{round((box[0] - west) / a)}" yOff="{round((box[3] - north) / e)}"'
        sources.append(
            f'<SimpleSource><SourceFilename relativeToVRT="1">../{escape(row["location"])}</SourceFilename>'
            f'<SourceBand>1</SourceBand><SrcRect xOff="0" yOff="0" {size}/><DstRect {place} {size}/></SimpleSource>'
        )
    wkt = escape(CRS.from_user_input(rows[0]["crs"]).to_wkt("WKT1_GDAL"))
    return (
        f'<VRTDataset rasterXSize="{width}" rasterYSize="{height}"><SRS>{wkt}</SRS>'
        f"<GeoTransform>{west!r}, {a!r}, 0, {north!r}, 0, {e!r}</GeoTransform>"
        f'<VRTRasterBand dataType="{_TYPES[rows[0]["type"]]}" band="1">{fill}{"".join(sources)}</VRTRasterBand>'
        "</VRTDataset>\n"
    )
