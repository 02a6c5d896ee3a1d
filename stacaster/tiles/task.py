"""One tile: load, compute, write, verify, put into place. Runs in a worker, anywhere.

Decision: a task may be delivered twice. It works in a folder of its own and takes its name by a rename; ``collect``
compares items with the checksums of the ledger, so that what a late job of an older plan wrote becomes stale, not part
of the catalog.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from stacaster.analysis.bands import BESIDE
from stacaster.analysis.composites import composite
from stacaster.errors import LoadError, WriteError
from stacaster.export.made import ProvenancedCube, find_indices, with_indices
from stacaster.export.planes import strips_of
from stacaster.files.system.process import peak_memory
from stacaster.model import as_json
from stacaster.tiles.grids import Tile
from stacaster.tiles.recipe import Recipe, read_recipe
from stacaster.tiles.spill import computed
from stacaster.tiles.zarr_region import has_layout, make_store, write_region

if TYPE_CHECKING:
    import pystac
    import xarray as xr

    from stacaster.cube.report import LoadReport

COLLECTION = "collection.json"
"""What the results of a tile want their collection to say."""

_TRIES = 100
SMALLEST = 64
"""Side of the smallest pieces, pixels."""
BYTES = 16
"""Bytes that an input pixel takes while a piece is worked on."""


@dataclass(frozen=True, kw_only=True)
class TileTask:
    """One tile to compute."""

    catalog: str
    """Folder or address of the catalog of scenes."""
    output: str
    """Folder of the tiles."""
    home: str
    """Folder of the catalog of results."""
    recipe: Mapping[str, Any]
    """What is computed, as plain data."""
    tile: Tile
    """The tile."""
    items: tuple[tuple[str, str], ...]
    """Collection and id of its scenes."""
    memory: int
    """Bytes that the work may take."""
    layout: Mapping[str, Any] | None = None
    """Layout of the Zarr that the tile is a region of."""
    store: str | None = None
    """Folder of that Zarr."""

    @property
    def zarr(self) -> tuple[Path, Any]:
        """Folder and layout of the Zarr that the tile is a region of."""
        assert self.store is not None and self.layout is not None
        return Path(self.store), self.layout

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {**vars(self), "tile": self.tile.to_dict(), "items": [list(key) for key in self.items]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the task that ``to_json`` described."""
        items = tuple((str(collection), str(name)) for collection, name in data["items"])
        return cls(**{**data, "tile": Tile.from_dict(data["tile"]), "items": items})


def run_tile(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Compute one tile.

    Args:
        payload: A ``TileTask``.

    Returns:
        ``status`` (``done`` or ``empty``), ``peak_memory`` of the process in bytes, and ``files`` with sizes and
        checksums, relative to the folder of the tile, or to the Zarr.

    Raises:
        LoadError: A scene of the plan is gone, or cannot be read.
        WriteError: A file is not what it should be.
    """
    try:
        return _run(TileTask.from_json(payload))
    finally:
        # Cubes lie in circles of references; workers look for such rarely, and a tile must not wait for the last one's.
        gc.collect()


def _run(task: TileTask) -> dict[str, Any]:
    import dask

    recipe, tile = read_recipe(task.recipe), task.tile
    items = _items(task.catalog, task.items)
    target = Path(task.output) / tile.id
    # One thread a worker: workers are as many as the user said.
    with dask.config.set(scheduler="synchronous"):
        made, report = _made(items, recipe, tile, task.memory)
        with computed(made.cube, target, task.memory) as cube:
            return _finish(task, recipe, replace(made, cube=cube), report, target)


def _finish(task: TileTask, recipe: Recipe, made: ProvenancedCube, report: LoadReport, target: Path) -> dict[str, Any]:
    """Write what was computed, and put it into place."""
    tile = task.tile
    for failed in report.of("failed"):
        raise LoadError(f"a file cannot be read: {failed.item_id} {failed.band}: {failed.reason}")
    has_values = _has_values(made.cube)
    if recipe.format == "zarr":
        store, layout = task.zarr
        files = write_region(made.cube if has_values else None, tile, store, layout)
        return {"status": "done" if has_values else "empty", "files": files, "peak_memory": peak_memory()}
    if not has_values:
        shutil.rmtree(target, ignore_errors=True)
        return {"status": "empty", "files": {}, "peak_memory": peak_memory()}
    target.parent.mkdir(parents=True, exist_ok=True)
    # A task that is given twice works in two folders.
    staged = Path(tempfile.mkdtemp(prefix=f".{tile.id}.", dir=target.parent))
    staged.chmod(0o777 & ~_umask())
    try:
        files = _write(made, recipe, tile, staged, task.home)
        _put(staged, target)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return {"status": "done", "files": files, "peak_memory": peak_memory()}


def _umask() -> int:
    found = os.umask(0)
    os.umask(found)
    return found


def make_region_store(task: TileTask) -> None:
    """Make the Zarr that a task writes into, unless it is there.

    Args:
        task: Task of one of its tiles.

    Raises:
        LoadError: A scene of the plan is gone.
        ExportError: The store cannot be written.
    """
    store, layout = task.zarr
    if has_layout(store, layout):
        return
    made, _ = _made(_items(task.catalog, task.items), read_recipe(task.recipe), task.tile, task.memory)
    make_store(store, layout, made.cube)


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


def _made(items: Sequence[pystac.Item], recipe: Recipe, tile: Tile, memory: int) -> tuple[ProvenancedCube, LoadReport]:
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
    groups = group_items(items, recipe.groupby, geobox=tile.geobox)
    made = ProvenancedCube(
        cube=cube, scenes=tuple([items[n] for n in group] for group in groups), recipe=recipe.to_dict()
    )
    if recipe.composite is not None:
        combined = composite(cube, recipe.composite, period=recipe.period, greenness=recipe.greenness)
        made = made.only_times(combined, recipe.period)
    return (replace(made, cube=with_indices(made.cube, indices)) if indices else made), report


def _chunk(layers: int, memory: int, pixels: int) -> int:
    """Return the side of pieces of which one takes no more than a quarter of the memory."""
    side = int((memory / 4 / (layers * BYTES)) ** 0.5)
    power = 1 << max(side, 1).bit_length() - 1
    return min(max(power, SMALLEST), pixels)


def _has_values(cube: xr.Dataset) -> bool:
    for name, band in cube.data_vars.items():
        if name in BESIDE:
            continue
        nodata = band.attrs.get("nodata")
        for rows in strips_of(band):
            values = band[..., rows, :].values
            if bool(np.isfinite(values).any() if nodata is None else (values != nodata).any()):
                return True
    return False


def _write(made: ProvenancedCube, recipe: Recipe, tile: Tile, folder: Path, home: str) -> dict[str, dict[str, Any]]:
    from stacaster.export.netcdf import write_netcdf
    from stacaster.export.results import stage_results
    from stacaster.files.checksums import file_multihash

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
    """Put a complete folder in place; what was there of an earlier run, or of the same task given twice, goes."""
    for _ in range(_TRIES):
        try:
            staged.rename(target)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise WriteError(f"{target.name} cannot be put into place: {error.strerror or error}") from error
        else:
            return
        old = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        with contextlib.suppress(FileNotFoundError):
            target.rename(old / "old")
        shutil.rmtree(old, ignore_errors=True)
    raise WriteError(f"{target.name} cannot be put into place: another process puts it there all the time")
