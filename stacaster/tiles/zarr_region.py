"""Tiles as regions of one Zarr: its layout, its empty store, and what a tile writes into it.

Decision: tiles own whole chunks, so that no two tasks write one file. The layout (bounds, times, variables) is part of
the fingerprint; when it changes, the store is made anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.analysis.bands import period_starts
from stacaster.errors import UsageError, WriteError, is_space_error
from stacaster.tiles.grids import Grid, MgrsGrid, Tile
from stacaster.tiles.recipe import Recipe

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

STORE = "cube.zarr"
"""Name of the store, inside the folder of a run."""

_LAYOUT = "stacaster_layout"
_CHUNK, _SMALLEST = 512, 64


def plan_layout(
    recipe: Recipe, grid: Grid | MgrsGrid, tiles: Sequence[Tile], times: NDArray[np.datetime64]
) -> dict[str, Any]:
    """Return where the pixels of all tiles lie in one array.

    Args:
        recipe: What is computed.
        grid: Grid of the tiles.
        tiles: Tiles with scenes.
        times: Times of all scenes.

    Raises:
        UsageError: The recipe does not give one array.
    """
    if not isinstance(grid, Grid):
        raise UsageError("the tiles of a Zarr share one CRS, those of mgrs do not; take utm or a projected CRS")
    if not recipe.bands and not recipe.index:
        raise UsageError("a Zarr holds the same variables everywhere: name bands or an index")
    if recipe.composite is None and recipe.groupby not in ("time", "solar_day"):
        raise UsageError(f"a Zarr of all dates needs groupby time or a composite, not {recipe.groupby!r}")
    left, bottom = (min(tile.bounds[n] for tile in tiles) for n in (0, 1))
    right, top = (max(tile.bounds[n] for tile in tiles) for n in (2, 3))
    size, pixels = grid.tile_size, grid.pixels
    labels: list[str] | None = None
    if recipe.composite is None:
        if recipe.groupby == "solar_day":
            raise UsageError("the dates of a solar day differ from tile to tile; a Zarr needs groupby time")
        labels = sorted(set(np.datetime_as_string(times, "us").tolist()))
    elif recipe.period is not None:
        labels = sorted(set(np.datetime_as_string(period_starts(times, recipe.period), "us").tolist()))
    return {
        "crs": grid.crs,
        "bounds": [left, bottom, right, top],
        "shape": [round((top - bottom) / size) * pixels, round((right - left) / size) * pixels],
        "chunk": _chunk(pixels),
        "times": labels,
    }


def _chunk(pixels: int) -> int:
    """Return the side of chunks of which a whole number fits a tile, so that no two tiles share one."""
    fitting = [size for size in range(_SMALLEST, min(_CHUNK, pixels) + 1) if pixels % size == 0]
    return max(fitting, default=pixels)


def make_store(path: Path, layout: Mapping[str, Any], example: xr.Dataset) -> None:
    """Make the store without any pixels.

    Args:
        path: Folder of the store; replaced when it exists.
        layout: From ``plan_layout``.
        example: Cube of any tile, not computed: says names, types and attributes.

    Raises:
        ExportError: zarr is missing, or the store cannot be written.
    """
    import dask.array as da
    import xarray as xr
    from affine import Affine
    from odc.geo.geobox import GeoBox
    from odc.geo.xr import xr_coords

    from stacaster.export.zarr_store import write_template

    (rows, cols), (left, bottom, right, top) = layout["shape"], layout["bounds"]
    box = GeoBox(
        (rows, cols), Affine((right - left) / cols, 0, left, 0, -(top - bottom) / rows, top), layout["crs"]
    )  # fmt: skip
    down, across = (str(dim) for dim in example.odc.spatial_dims)
    times, side = layout["times"], layout["chunk"]
    cube = {}
    for name, band in example.data_vars.items():
        has_time = "time" in band.dims
        shape = ((len(times),) if has_time else ()) + (rows, cols)
        blocks = ((1,) if has_time else ()) + (side, side)
        dims = (("time",) if has_time else ()) + (down, across)
        cube[name] = xr.DataArray(da.zeros(shape, chunks=blocks, dtype=band.dtype), dims=dims, attrs=dict(band.attrs))
    coords: dict[Any, Any] = dict(xr_coords(box, dims=(down, across)))
    if times is not None:
        coords["time"] = np.array(times, dtype="datetime64[ns]")
    dropped = ("time_coverage_start", "time_coverage_end")
    attrs = {key: value for key, value in example.attrs.items() if key not in dropped}
    template = xr.Dataset(cube, coords=coords, attrs=attrs)
    write_template(template, path, attrs={_LAYOUT: json.dumps(layout, sort_keys=True)})


def has_layout(path: Path, layout: Mapping[str, Any]) -> bool:
    """Tell whether there is a store of a layout."""
    try:
        found: dict[str, Any] = json.loads((path / ".zattrs").read_text(encoding="utf-8"))
        return bool(json.loads(found[_LAYOUT]) == layout)
    except (OSError, ValueError, KeyError):
        return False


def write_region(cube: xr.Dataset | None, tile: Tile, path: Path, layout: Mapping[str, Any]) -> dict[str, Any]:
    """Write the pixels of a tile into the store, read them back, and return size and checksum of every chunk.

    Args:
        cube: Computed cube of the tile; None writes nothing. What an earlier run left of the tile goes.
        tile: The tile.
        path: Folder of the store.
        layout: From ``plan_layout``.

    Raises:
        SpaceError: The disk is full.
        WriteError: There is no such store, or it holds something else than was written.
    """
    from stacaster.files.checksums import file_multihash

    if not has_layout(path, layout):
        raise WriteError(f"{path.name} is not the store of this plan; run 'stacaster tiles run' again")
    left, _, _, top = layout["bounds"]
    width = (tile.bounds[2] - tile.bounds[0]) / tile.pixels
    col, row = round((tile.bounds[0] - left) / width), round((top - tile.bounds[3]) / width)
    side, pixels = layout["chunk"], tile.pixels
    places = {
        f"{y}.{x}"
        for y in range(row // side, (row + pixels) // side)
        for x in range(col // side, (col + pixels) // side)
    }
    names = [entry.name for entry in path.iterdir() if (entry / ".zarray").exists()]
    for name in names:
        _forget(path / name, places, layout["times"])
    if cube is None:
        return {}
    try:
        _put(cube, path, layout, (row, col), pixels)
    except OSError as error:
        if is_space_error(error):
            raise
        raise WriteError(f"{tile.id} cannot be written to {path.name}: {error.strerror or error}") from error
    found = {}
    for name in names:
        for chunk in _chunks(path / name, places, layout["times"]):
            key = f"{name}/{chunk.name}"
            found[key] = {"size": chunk.stat().st_size, "checksum": file_multihash(chunk)}
    return found


def _chunks(folder: Path, places: set[str], times: Sequence[str] | None) -> list[Path]:
    has_time = len(json.loads((folder / ".zarray").read_text(encoding="utf-8"))["shape"]) > 2
    if has_time:
        keys = (f"{n}.{place}" for n in range(len(times or ())) for place in sorted(places))
    else:
        keys = (place for place in sorted(places))
    return [path for key in keys if (path := folder / key).is_file()]


def _forget(folder: Path, places: set[str], times: Sequence[str] | None) -> None:
    shape = json.loads((folder / ".zarray").read_text(encoding="utf-8"))["shape"]
    if len(shape) >= 2:
        for chunk in _chunks(folder, places, times):
            chunk.unlink()


def _put(cube: xr.Dataset, path: Path, layout: Mapping[str, Any], corner: tuple[int, int], pixels: int) -> None:
    import xarray as xr

    from stacaster.export.netcdf import described

    dims = [str(dim) for dim in cube.odc.spatial_dims]
    region = {dim: slice(first, first + pixels) for dim, first in zip(dims, corner, strict=True)}
    prepared, _ = described(cube)
    pieces: list[tuple[dict[str, slice], xr.Dataset]] = [(region, prepared)]
    if layout["times"] is not None:
        known = {np.datetime64(text, "ns"): number for number, text in enumerate(layout["times"])}
        places = [known[moment] for moment in cube["time"].values.astype("datetime64[ns]")]
        pieces = [
            ({"time": slice(place, place + 1), **region}, prepared.isel(time=[number]))
            for number, place in enumerate(places)
        ]
    for where, piece in pieces:
        bare = piece.drop_vars(list(piece.coords)).compute()
        for name in bare.data_vars:
            # Said by the store already.
            bare[name].attrs = {}
        bare.attrs = {}
        bare.to_zarr(path, region=where, mode="r+", consolidated=False, zarr_format=2)
        with xr.open_zarr(path, consolidated=False, zarr_format=2, chunks=None) as back:
            read = back[list(bare.data_vars)].isel(where)
            for name in bare.data_vars:
                if not np.array_equal(read[name].values, _as_read(bare[name].values, cube[name].attrs), equal_nan=True):
                    raise WriteError(f"{path.name} does not hold what was written of {name}")


def _as_read(values: NDArray[Any], attrs: Mapping[str, Any]) -> NDArray[Any]:
    """Return values as xarray reads them: no data becomes NaN."""
    nodata = attrs.get("nodata")
    if nodata is None or values.dtype.kind not in "iuf":
        return values
    kind = np.float32 if values.dtype.itemsize <= 2 or values.dtype == np.float32 else np.float64
    return np.where(values == nodata, kind(np.nan), values.astype(kind))
