"""One tile: load, compute, write, verify, put into place. Runs in a worker, anywhere."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.composites import composite
from stacaster.cube_bands import BESIDE
from stacaster.errors import LoadError, WriteError
from stacaster.export.made import Made, find_indices, with_indices
from stacaster.model import as_json
from stacaster.tiles.recipe import Recipe, read_recipe
from stacaster.tiling import Tile

if TYPE_CHECKING:
    import pystac
    import xarray as xr

    from stacaster.cube.report import LoadReport

COLLECTION = "collection.json"
"""What the results of a tile want their collection to say."""

_SMALLEST = 256
_BYTES = 16


def run_tile(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Compute one tile.

    Args:
        payload: ``catalog``, ``output`` (folder of the tiles), ``home`` (folder of the catalog of results), ``recipe``,
            ``tile``, ``items``, ``memory`` (bytes that the work may take).

    Returns:
        ``status`` (``done`` or ``empty``), ``files`` with sizes and checksums, relative to the folder of the tile.

    Raises:
        LoadError: A scene of the plan is gone, or cannot be read.
        WriteError: A file is not what it should be.
    """
    import dask

    recipe, tile = read_recipe(payload["recipe"]), Tile.from_dict(payload["tile"])
    items = _items(str(payload["catalog"]), payload["items"])
    target = Path(payload["output"]) / tile.id
    staged = target.with_name(f".{tile.id}.{os.getpid()}")
    # One thread a worker: workers are as many as the user said.
    with dask.config.set(scheduler="synchronous"):
        made, report = _made(items, recipe, tile, int(payload["memory"]))
        made = replace(made, cube=made.cube.compute())
    for failed in report.of("failed"):
        raise LoadError(f"a file cannot be read: {failed.item_id} {failed.band}: {failed.reason}")
    if not _has_values(made.cube):
        shutil.rmtree(target, ignore_errors=True)
        return {"status": "empty", "files": {}}
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    try:
        files = _write(made, recipe, tile, staged, str(payload["home"]))
        _put(staged, target)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return {"status": "done", "files": files}


def _items(catalog: str, keys: Sequence[Sequence[str]]) -> list[pystac.Item]:
    from stacaster.catalog import open_catalog
    from stacaster.cube.selection import moment_of

    opened = open_catalog(catalog)
    wanted = {(collection, item_id) for collection, item_id in keys}
    search = opened.search(collections=sorted({c for c, _ in wanted}), ids=sorted({i for _, i in wanted}))
    found = {(str(item.collection_id), item.id): item for item in search.items()}
    gone = sorted(wanted - set(found))
    if gone:
        raise LoadError(f"{gone[0][1]} was removed from the catalog since the plan was made; plan again")
    return sorted((found[key] for key in wanted), key=lambda item: (moment_of(item), item.id))


def _made(items: Sequence[pystac.Item], recipe: Recipe, tile: Tile, memory: int) -> tuple[Made, LoadReport]:
    from stacaster.cube import load
    from stacaster.cube.selection import group_items

    indices = find_indices(recipe.index)
    bands = list(dict.fromkeys([*recipe.bands, *(band for index in indices for band in index.bands)]))
    if recipe.composite == "bare_earth" and indices:
        bands = list(dict.fromkeys([*bands, "red", "nir"]))
    units: Any = recipe.units or (indices[0].units if indices else "dn")
    side = _chunk(len(items) * max(len(bands), 1), memory, tile.pixels)
    # With a report the reading goes on after an error, and names file and band.
    cube, report = load(
        items, bands=bands or None, geobox=tile.geobox, units=units, mask=list(recipe.mask), groupby=recipe.groupby,
        resampling=recipe.resampling, chunks={"x": side, "y": side}, report=True,
    )  # fmt: skip
    groups = group_items(items, recipe.groupby)
    made = Made(cube=cube, scenes=tuple([items[n] for n in group] for group in groups), recipe=recipe.to_dict())
    if recipe.composite is not None:
        combined = composite(cube, recipe.composite, period=recipe.period, greenness=recipe.greenness)
        made = made.only_times(combined, recipe.period)
    return (replace(made, cube=with_indices(made.cube, indices)) if indices else made), report


def _chunk(layers: int, memory: int, pixels: int) -> int:
    """Return the side of pieces of which one takes no more than a quarter of the memory."""
    side = int((memory / 4 / (layers * _BYTES)) ** 0.5)
    power = 1 << max(side, 1).bit_length() - 1
    return min(max(power, _SMALLEST), pixels)


def _has_values(cube: xr.Dataset) -> bool:
    for name, band in cube.data_vars.items():
        if name in BESIDE:
            continue
        nodata = band.attrs.get("nodata")
        values = band.values
        if bool(np.isfinite(values).any() if nodata is None else (values != nodata).any()):
            return True
    return False


def _write(made: Made, recipe: Recipe, tile: Tile, folder: Path, home: str) -> dict[str, dict[str, Any]]:
    from stacaster.checksums import file_multihash
    from stacaster.export.netcdf import write_netcdf
    from stacaster.export.results import stage_results

    if recipe.format == "netcdf":
        write_netcdf(made.cube, folder / f"{tile.id}.nc")
    else:
        document = stage_results(made, folder, home=Path(home), name=recipe.title, grid_code=tile.id)
        (folder / COLLECTION).write_bytes(as_json(document))
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found[path.relative_to(folder).as_posix()] = {"size": path.stat().st_size, "checksum": file_multihash(path)}
    return found


def _put(staged: Path, target: Path) -> None:
    """Put a complete folder in place; what was there of an earlier run goes."""
    old = target.with_name(f".{target.name}.old")
    try:
        shutil.rmtree(old, ignore_errors=True)
        if target.exists():
            target.rename(old)
        staged.rename(target)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise WriteError(f"{target.name} cannot be put into place: {error.strerror or error}") from error
