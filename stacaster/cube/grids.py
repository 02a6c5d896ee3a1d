"""Grids of a selection: whether its scenes lie on one lattice, and cubes of several pixel sizes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

from stacaster.cube.band_model import prepare_items
from stacaster.cube.items_input import read_items
from stacaster.cube.lattice import asset_geobox
from stacaster.cube.loading import checked_options, load
from stacaster.errors import NothingFoundError, UsageError
from stacaster.model.checked import checked
from stacaster.model.names import as_names
from stacaster.model.options import LoadOptions
from stacaster.products import of_collection

if TYPE_CHECKING:
    import pystac
    import xarray as xr
    from odc.geo.geobox import GeoBox

    from stacaster.cube.items_input import ItemsInput

_SIZE_TOLERANCE = 1e-9
_SHIFT_TOLERANCE = 1e-4


@dataclass(frozen=True, kw_only=True)
class GridCheck:
    """The grids of one band over a selection."""

    band: str
    """Asset key."""
    scenes: int
    """Scenes that have it on a grid."""
    crs: dict[str, int]
    """Scenes by CRS."""
    pixel_sizes: dict[str, int]
    """Scenes by nominal pixel size."""
    largest_shift: float
    """Largest distance of a scene from the lattice of the first scene in the same CRS, in pixels, 0 to 0.5."""
    largest_drift: float
    """Largest error at the far end of a scene that its own pixel size makes against that of the first, in pixels."""
    shifted: tuple[str, ...]
    """Ids of scenes on another lattice."""
    unknown: tuple[str, ...]
    """Ids of scenes that say no grid."""

    @property
    def is_one_grid(self) -> bool:
        """Whether ``native=True`` loads all of them."""
        return len(self.crs) == 1 and not self.shifted and not self.unknown

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return vars(self) | {"is_one_grid": self.is_one_grid}


@checked
def check_grid(items: ItemsInput, *, bands: str | Sequence[str] | None = None) -> list[GridCheck]:
    """Compare the grids of scenes, band by band.

    Args:
        items: STAC items.
        bands: Asset keys or common names; None takes every data band.

    Raises:
        NothingFoundError: There is no item.
        UsageError: There is no such band.
    """
    chosen = read_items(items)
    if not chosen:
        raise NothingFoundError("there is no item to check")
    names, prepared = prepare_items(chosen, as_names(bands, "bands"))
    return [_check(prepared, key) for key in names.values()]


def _check(items: Sequence[pystac.Item], key: str) -> GridCheck:
    boxes = {item.id: asset_geobox(item, key) for item in items if key in item.assets}
    known = {name: box for name, box in boxes.items() if box is not None}
    first: dict[str, GeoBox] = {}
    shifts, drifts, shifted = [0.0], [0.0], []
    for name, box in known.items():
        reference = first.setdefault(str(box.crs), box)
        shift, drift = _apart(box, reference)
        shifts.append(shift)
        drifts.append(drift)
        if shift > _SHIFT_TOLERANCE or drift > _SHIFT_TOLERANCE:
            shifted.append(name)
    return GridCheck(
        band=key,
        scenes=len(known),
        crs=dict(Counter(str(box.crs) for box in known.values())),
        pixel_sizes=dict(Counter(f"{abs(b.transform.a):.9g} x {abs(b.transform.e):.9g}" for b in known.values())),
        largest_shift=max(shifts),
        largest_drift=max(drifts),
        shifted=tuple(shifted),
        unknown=tuple(sorted(set(boxes) - set(known))),
    )


def _apart(box: GeoBox, reference: GeoBox) -> tuple[float, float]:
    """Return the distance of two lattices at the first pixel, and how much it grows to the last one, in pixels."""
    there = ~reference.transform
    column, row = there * (box.transform.c, box.transform.f)
    shift = max(abs(column - round(column)), abs(row - round(row)))
    rows, columns = box.shape
    far_column, far_row = there * (box.transform * (columns, rows))
    drift = max(abs(far_column - column - columns), abs(far_row - row - rows))
    return shift, drift if drift > _SIZE_TOLERANCE else 0.0


@checked
def load_tree(items: ItemsInput, **options: Unpack[LoadOptions]) -> xr.DataTree:
    """Load each part of the instrument, such as VNIR, SWIR and TIR, on its own native grid.

    Args:
        items: STAC items of one collection.
        **options: Arguments of ``load``, without those of place that name a grid.

    Returns:
        One node a part: those of the product's bands, or else one a pixel size.

    Raises:
        NothingFoundError: There is no item.
        LoadError: The scenes of a part do not share one grid.
        UsageError: An argument is wrong.
    """
    import xarray as xr

    if "report" in options:
        raise UsageError("load_tree gives no report; load the parts one by one")
    given = checked_options(options)
    chosen = read_items(items)
    if not chosen:
        raise NothingFoundError("there is no item to load")
    names, _ = prepare_items(chosen, as_names(given.pop("bands", None), "bands"))
    parts: dict[str, list[str]] = defaultdict(list)
    for name, key in names.items():
        parts[_part(chosen, key)].append(name)
    loaded = {}
    for part, bands in sorted(parts.items()):
        having = [item for item in chosen if any(names[name] in item.assets for name in bands)]
        loaded[part] = load(having, **given | {"bands": bands, "native": True})
    return xr.DataTree.from_dict(loaded)


def _part(items: Sequence[pystac.Item], key: str) -> str:
    """Return the part of the instrument of a band, or its pixel size."""
    item = next(item for item in items if key in item.assets)
    product = of_collection(str(item.collection_id))
    for band in () if product is None else product.bands:
        if band.name == key:
            return band.group
    box = asset_geobox(item, key)
    return "unknown" if box is None else f"{abs(box.transform.a):g}".replace(".", "_")
