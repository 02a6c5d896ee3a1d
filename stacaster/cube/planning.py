"""What a load would cost, before anything is read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from stacaster.cube.items_input import read_items
from stacaster.cube.lattice import asset_geobox, extent_in
from stacaster.cube.loading import carry_out, checked_options
from stacaster.cube.request import Request, read_request
from stacaster.cube.selection import CHUNKS, group_items
from stacaster.model.checked import checked
from stacaster.model.options import LoadOptions
from stacaster.model.stac_terms import numpy_type

if TYPE_CHECKING:
    import pystac
    import xarray as xr
    from odc.geo.geobox import GeoBox

    from stacaster.cube.items_input import ItemsInput


@dataclass(frozen=True, kw_only=True)
class LoadPlan:
    """What a load would read and make."""

    items: int
    """Number of items."""
    bands: tuple[str, ...]
    """Names of the variables."""
    shape: tuple[int, int, int]
    """Times, rows, columns."""
    crs: str
    """CRS of the cube."""
    resolution: tuple[float, float]
    """Pixel size along y and x, in units of the CRS."""
    files: int
    """Files that touch the cube."""
    bytes_to_read: int
    """Estimate: share of each file that lies in the cube, by area, less what overviews save."""
    bytes_of_cube: int
    """Bytes of the variables when all are in memory."""
    chunks: tuple[int, int, int]
    """Times, rows, columns of one piece of work."""
    pieces: int
    """Number of pieces of all variables."""
    bytes_of_piece: int
    """Bytes that one piece of work needs: the result, and stored and physical numbers of the scenes of a group."""
    interval: tuple[str, str]
    """First and last time of the cube, UTC."""
    bbox: tuple[float, float, float, float]
    """West, south, east and north of the cube in degrees."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return dict(vars(self))

    def __repr__(self) -> str:
        times, rows, columns = self.shape
        return (
            f"<LoadPlan: {self.items} items, {len(self.bands)} bands, {times} x {rows} x {columns} in {self.crs}, "
            f"{_size(self.bytes_to_read)} to read from {self.files} files, {_size(self.bytes_of_cube)} in memory, "
            f"{self.pieces} pieces of {_size(self.bytes_of_piece)}>"
        )

    def _repr_html_(self) -> str:
        from stacaster.cube.notebook import table_html
        from stacaster.geo.small_map import box_geometry, small_map

        times, rows, columns = self.shape
        sides = " x ".join(str(side) for side in self.chunks)
        shown = [
            ("items", self.items),
            ("bands", ", ".join(self.bands)),
            ("times", f"{times}: {' to '.join(self.interval)}"),
            ("CRS", self.crs),
            ("pixels", f"{columns} x {rows}, of {self.resolution[1]:g} x {self.resolution[0]:g}"),
            ("box", ", ".join(f"{edge:.4f}" for edge in self.bbox)),
            ("to read", f"{_size(self.bytes_to_read)} from {self.files} files"),
            ("in memory", _size(self.bytes_of_cube)),
            ("pieces", f"{self.pieces} of {sides}, {_size(self.bytes_of_piece)} each"),
        ]
        return table_html(("plan", ""), shown) + small_map([box_geometry(self.bbox)])


@checked
def plan(items: ItemsInput, **options: Unpack[LoadOptions]) -> LoadPlan:
    """Say what ``load`` would do with the same arguments; no pixel is read.

    Args:
        items: STAC items.
        **options: Arguments of ``load``. Without ``chunks`` pieces of 2048 x 2048 are reckoned with.

    Raises:
        NothingFoundError: There is no item.
        LoadError: The selection does not fit together.
        UsageError: An argument is wrong.
    """
    given = checked_options(options)
    request = read_request(read_items(items), **given | {"chunks": given.get("chunks") or CHUNKS})
    cube = carry_out(request)
    box: GeoBox = cube.odc.geobox
    first = next(iter(cube.data_vars.values()))
    pieces = [band.data.numblocks for band in cube.data_vars.values()]
    largest = tuple(int(max(sizes)) for sizes in first.data.chunks)
    reads = [_read_of(item, key, box) for item in request.items for key in request.needed if key in item.assets]
    return LoadPlan(
        items=len(request.items),
        bands=tuple(str(name) for name in cube.data_vars),
        shape=(first.shape[0], first.shape[1], first.shape[2]),
        # Of a grid that was chosen for the scenes, the text of the CRS is its WKT.
        crs=f"EPSG:{code}" if box.crs is not None and (code := box.crs.to_epsg()) else str(box.crs),
        resolution=(abs(box.resolution.y), abs(box.resolution.x)),
        files=sum(size > 0 for size in reads),
        bytes_to_read=sum(reads),
        bytes_of_cube=int(sum(band.nbytes for band in cube.data_vars.values())),
        chunks=(largest[0], largest[1], largest[2]),
        pieces=sum(math.prod(blocks) for blocks in pieces),
        bytes_of_piece=_piece(request, largest, [band.dtype for band in cube.data_vars.values()]),
        interval=_interval(cube),
        bbox=_box_of(box),
    )


def _interval(cube: xr.Dataset) -> tuple[str, str]:
    first, last = (np.datetime_as_string(time, unit="s") for time in (cube["time"].min(), cube["time"].max()))
    return f"{first}Z", f"{last}Z"


def _box_of(box: GeoBox) -> tuple[float, float, float, float]:
    bounds = (box.extent.to_crs("EPSG:4326", resolution="auto") if box.crs != "EPSG:4326" else box.extent).boundingbox
    return bounds.left, bounds.bottom, bounds.right, bounds.top


def _piece(request: Request, chunk: Sequence[int], types: Sequence[np.dtype[Any]]) -> int:
    """Return the bytes of one piece: its result, and two scenes in hand where scenes are joined one by one."""
    result = max(kind.itemsize for kind in types)
    wanted = request.wanted
    groups = group_items(request.items, wanted.groupby, geobox=request.geobox, keep_order=wanted.keep_order)
    deepest = max(len(group) for group in groups)
    is_plain = wanted.units == "dn" and not (wanted.masking.names or wanted.source or wanted.n_obs)
    in_hand = 0 if deepest == 1 and is_plain else 2 * (result + 1)
    return int(math.prod(chunk) * (result + in_hand))


def _read_of(item: pystac.Item, key: str, box: GeoBox) -> int:
    """Return how many bytes of a file have to be read for a geobox, about."""
    source = asset_geobox(item, key)
    fields = item.assets[key].extra_fields
    if source is None:
        return int(fields.get("file:size") or 0)
    outline = extent_in(box, source.crs)
    if not outline.intersects(source.extent):
        return 0
    share = (outline & source.extent).area / source.extent.area
    # Overviews halve the pixel size step by step.
    scale = math.sqrt(outline.area / (box.shape.x * box.shape.y)) / abs(source.resolution.x)
    level = 2 ** max(0, math.floor(math.log2(max(scale, 1.0)) + 1e-9))
    size = (
        fields.get("file:size")
        or source.shape.x * source.shape.y * np.dtype(numpy_type(fields.get("data_type", "uint8"))).itemsize
    )
    return max(1, int(size * share / level**2))


def _size(number: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"
