"""Stored numbers, or physical values, straight into the arrays of an eager cube.

odc-stac fills each array, reads into another and joins the two; here each value is written once. What the cube looks
like is still asked of odc-stac.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.cube.lattice import asset_geobox, may_meet
from stacaster.cube.report import LoadReport, ReportingDriver, problem_of
from stacaster.cube.selection import moment_of
from stacaster.geotiff.driver import Driver
from stacaster.geotiff.driver.network import is_remote
from stacaster.geotiff.driver.reader import Reader
from stacaster.network.http import without_queries

if TYPE_CHECKING:
    import pystac
    import xarray as xr
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

Convert = Callable[[str, str, "float | None"], "Sequence[NDArray[np.float32]] | None"]
"""Gives, for asset key, data type and fill value, a table of physical values for each item; None where tables do not
do."""

_PLACE = ("crs", "resolution", "anchor", "align", "geobox", "like", "bbox", "x", "y")
_KNOWN = {
    *_PLACE,
    "resampling",
    "dtype",
    "stac_cfg",
    "driver",
    "patch_url",
    "pool",
    "use_overviews",
    "nodata",
    "chunks",
}
_GROUPS = (None, "time", "solar_day")
_THREADS = min(4, os.cpu_count() or 1)
_OVER_THE_NETWORK = 24
# Pixels of a cube that one task works on.
_AT_A_TIME = 16 << 20
_FEWEST_ROWS = 256


@dataclass(frozen=True, kw_only=True)
class _Part:
    """Scenes of one slice of one band, and the array that takes them."""

    key: str
    time: int
    scenes: tuple[int, ...]
    """Positions of items, the first counts first."""
    cfg: Any
    pixels: NDArray[Any]
    tables: Sequence[NDArray[np.float32]] | None


def read_directly(
    items: Sequence[pystac.Item],
    keys: Sequence[str],
    *,
    groupby: Any,
    arguments: Mapping[str, Any],
    report: LoadReport,
    convert: Convert | None = None,
) -> xr.Dataset | None:
    """Read an eager cube.

    Args:
        items: In the order in which they count.
        keys: Asset keys.
        groupby: ``time``, ``solar_day``, or None for a slice an item.
        arguments: For ``odc.stac.load``.
        report: Learns what became of each file.
        convert: Gives tables from stored numbers to physical values, for one slice an item.

    Returns:
        The cube; with an attribute ``converted`` on bands that hold physical values. None when the request has
        something that is left to odc-stac.

    Raises:
        ValueError: odc-stac does not know the grid or a band.
        OSError: A file cannot be read, and the driver of the report does not go on.
    """
    driver = arguments.get("driver")
    unknown = any(name not in _KNOWN and value is not None for name, value in arguments.items())
    if unknown or groupby not in _GROUPS or arguments.get("chunks") is not None:
        return None
    if not isinstance(driver, ReportingDriver) or not isinstance(driver.inner, Driver):
        return None
    from odc.loader import resolve_load_cfg
    from odc.stac import output_geobox, parse_items

    from stacaster.geotiff.odc_private import mk_dataset

    # Bands are those of the item that has most, as for odc-stac.
    first = max(items, key=lambda item: sum(key in item.assets for key in keys))
    stac_cfg = arguments.get("stac_cfg")
    place = {name: arguments[name] for name in _PLACE if arguments.get(name) is not None}
    is_said = bool({"geobox", "like"} & set(place)) or {"bbox", "crs", "resolution"} <= set(place)
    known = [first, *(item for item in items if item is not first)] if not is_said else [first]
    parsed = list(parse_items(known, stac_cfg))
    bands = parsed[0].collection.resolve_bands(list(keys))
    load_cfg = resolve_load_cfg(
        bands, arguments.get("resampling"), dtype=arguments.get("dtype"), nodata=arguments.get("nodata"),
        use_overviews=arguments.get("use_overviews", True),
    )  # fmt: skip
    if set(load_cfg) != set(keys) or any(cfg.dims or np.dtype(cfg.dtype).kind == "c" for cfg in load_cfg.values()):
        return None
    cube = output_geobox(parsed, bands=list(bands), **place)
    if cube is None:
        raise ValueError("Failed to auto-guess CRS/resolution.")
    groups = _groups(items, groupby, cube)
    tables = {} if convert is None else {
        key: found for key, cfg in load_cfg.items()
        if (found := convert(key, cfg.dtype, cfg.fill_value)) is not None
    }  # fmt: skip
    arrays = {key: np.empty((len(groups), *cube.shape.yx), "float32" if key in tables else load_cfg[key].dtype)
              for key in load_cfg}  # fmt: skip
    times = [moment_of(items[group[0]]).replace(tzinfo=None) for group in groups]
    parts = [
        _Part(key=key, time=time, scenes=tuple(n for n in group if key in items[n].assets), cfg=cfg,
              pixels=arrays[key][time], tables=tables.get(key))
        for time, group in enumerate(groups) for key, cfg in load_cfg.items()
    ]  # fmt: skip
    context = driver.inner.new_load(cube)
    with driver.inner.restore_env(driver.inner.capture_env(), context) as ctx:
        EagerReader(items, cube, report, ctx, goes_on=driver.goes_on, patch=arguments.get("patch_url")).run(
            parts, arguments.get("pool")
        )
    made: xr.Dataset = mk_dataset(
        cube, times, load_cfg, lambda _shape, _dtype, name, ydim: arrays[name],  # noqa: ARG005 - its own names
        template=parsed[0].collection.meta_for(list(bands)),
    )  # fmt: skip
    for key in tables:
        made[key].attrs["converted"] = True
    return made


def _groups(items: Sequence[pystac.Item], groupby: str | None, cube: GeoBox) -> list[list[int]]:
    """Return the items of each slice, ordered as by odc-stac."""
    if groupby is None:
        return [[number] for number in range(len(items))]
    shift = dt.timedelta(0)
    if groupby == "solar_day":
        ((longitude, _),) = cube.extent.centroid.to_crs("epsg:4326").points
        shift = dt.timedelta(hours=int(longitude / 15))
    found: dict[Any, list[int]] = {}
    for number in sorted(range(len(items)), key=lambda n: (moment_of(items[n]), items[n].id)):
        moment = moment_of(items[number])
        found.setdefault((moment + shift).date() if groupby == "solar_day" else moment, []).append(number)
    return [found[key] for key in sorted(found)]


class EagerReader:
    """Reads the parts of one cube."""

    def __init__(
        self, items: Sequence[pystac.Item], cube: GeoBox, report: LoadReport, ctx: Any, *, goes_on: bool, patch: Any
    ) -> None:
        self._items, self._cube, self._report, self._ctx = items, cube, report, ctx
        self._goes_on, self._patch = goes_on, patch
        self._addresses: dict[tuple[int, str], str] = {}
        self._failed: set[tuple[int, str]] = set()
        self._near = may_meet(items, cube)

    def run(self, parts: Sequence[_Part], pool: Any) -> None:
        """Read all parts with several threads."""
        threads = pool if isinstance(pool, int) else _THREADS
        if pool is None and any(is_remote(asset.href) for item in self._items for asset in item.assets.values()):
            threads = _OVER_THE_NETWORK
        pieces = [piece for part in parts for piece in self._pieces(part, len(parts), threads)]
        if isinstance(pool, ThreadPoolExecutor):
            self._all(pool, pieces)
        elif threads > 1 and len(pieces) > 1:
            with ThreadPoolExecutor(threads) as own:
                self._all(own, pieces)
        else:
            for piece in pieces:
                self._fill(*piece)
        # A scene that failed leaves no pixel, also not in what was read before it did.
        for part in parts:
            if any((number, part.key) in self._failed for number in part.scenes):
                self._fill(part, slice(0, part.pixels.shape[0]))

    def _all(self, pool: ThreadPoolExecutor, pieces: Sequence[tuple[_Part, slice]]) -> None:
        futures = [pool.submit(self._fill, *piece) for piece in pieces]
        try:
            for future in futures:
                future.result()
        finally:
            for future in futures:
                future.cancel()

    def _pieces(self, part: _Part, parts: int, threads: int) -> list[tuple[_Part, slice]]:
        rows, cols = part.pixels.shape
        wanted = max(-(-rows * cols // _AT_A_TIME), -(-threads // parts))
        step = max(min(_FEWEST_ROWS, rows), -(-rows // wanted))
        return [(part, slice(start, min(start + step, rows))) for start in range(0, rows, step)]

    def _fill(self, part: _Part, rows: slice) -> None:
        """Write rows of one slice, the first valid value first."""
        by_rasterio: set[int] = set()
        while not self._filled(part, rows, by_rasterio):
            pass

    def _filled(self, part: _Part, rows: slice, by_rasterio: set[int]) -> bool:
        """Try to write; False when a scene turned out to be damaged, so that what it left has to go."""
        target = part.pixels[rows]
        is_empty = True
        for number in part.scenes:
            place = (number, part.key)
            if place in self._failed or not self._near[number]:
                continue
            reader = Reader(_source(self._address(place), part.cfg), self._ctx)
            table = None if part.tables is None else part.tables[number]
            try:
                found = reader.fill(
                    part.cfg, target, rows, table=table, keep=not is_empty, by_rasterio=number in by_rasterio
                )
            except Exception as error:
                if number not in by_rasterio and reader.is_damaged:
                    by_rasterio.add(number)
                    return False
                if self._is_beside(place):
                    continue
                self._note(place, reader, problem=problem_of(error))
                if not self._goes_on:
                    raise
                self._failed.add(place)
                return False
            if found:
                is_empty = False
                self._note(place, reader)
        if is_empty:
            target[...] = np.nan if part.tables is not None else Reader.nothing(part.cfg)
        return True

    def _note(self, place: tuple[int, str], reader: Reader, problem: str | None = None) -> None:
        said = reader.left_to_rasterio
        self._report.note(
            (self._items[place[0]].id, place[1]), problem=problem,
            fallback=None if said is None else without_queries(said),
        )  # fmt: skip

    def _address(self, place: tuple[int, str]) -> str:
        if place not in self._addresses:
            address = self._items[place[0]].assets[place[1]].get_absolute_href()
            self._addresses[place] = address if self._patch is None else self._patch(address)
        return self._addresses[place]

    def _is_beside(self, place: tuple[int, str]) -> bool:
        """Tell whether a file lies outside by what its item says, so that nothing is missed."""
        source = asset_geobox(self._items[place[0]], place[1])
        if source is None:
            return False
        cube = self._cube
        own = source.extent.to_crs(cube.crs, resolution="auto") if source.crs != cube.crs else source.extent
        return not own.intersects(cube.extent)


def _source(address: str, cfg: Any) -> Any:
    from odc.loader import RasterSource

    return RasterSource(address, meta=cfg.meta)
