"""The grid of a cube: as ``odc.stac.load`` chooses it, and also across 180 degrees and around the poles."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster import config
from stacaster.cube.area import require_no_edge
from stacaster.cube.lattice import asset_geobox, native_geobox, outline
from stacaster.errors import LoadError, UsageError
from stacaster.geo.area_input import Place
from stacaster.geo.grid_input import read_crs, read_resolution
from stacaster.geo.longitudes import wrapped

if TYPE_CHECKING:
    import pystac
    from odc.geo.geobox import GeoBox

GRID_OPTIONS = ("crs", "resolution", "anchor", "align", "geobox", "like", "x", "y", "lon", "lat", "geopolygon")
"""Options of ``odc.stac.load`` that say where a cube lies."""

_FIXED = {"geobox", "like", "x", "y", "lon", "lat", "geopolygon"}
_POLE = 89.9999
_TURN = 360.0
_FAR = 45.0
"""Degrees beyond the area of a CRS at which its numbers mean nothing; zones of UTM serve their neighbours."""
_FINER = 100
_MOST_BLOCKS = 20_000_000


def target_geobox(
    items: Sequence[pystac.Item], keys: Sequence[str], options: Mapping[str, Any], place: Place, *, native: bool,
    allow_large: bool = False,
) -> GeoBox:  # fmt: skip
    """Return the grid of a cube.

    Args:
        items: Prepared items.
        keys: Bands.
        options: Those of ``GRID_OPTIONS`` that were given.
        place: Box and area that were asked for.
        native: Use the pixels of the scenes.
        allow_large: Take any resolution.

    Raises:
        LoadError: The scenes do not share a grid, or say none.
        UsageError: Options contradict each other, or a CRS ends within the box.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if "crs" in given:
        given["crs"] = read_crs(given["crs"])
        _require_near(given["crs"], items)
    if "resolution" in given and not allow_large:
        given["resolution"] = read_resolution(given["resolution"], given.get("crs"))
    if place.bbox is not None and "crs" not in given and not _FIXED & set(given):
        _require_polar(items, keys, place.bbox)
    if native:
        refused = [
            name for name in ("crs", "resolution", "anchor", "geobox", "like", "x", "y", "lon", "lat") if name in given
        ]
        if refused:
            raise UsageError(
                f"native=True takes the grid of the scenes, so {', '.join(refused)} cannot be given as well"
            )
        return native_geobox(items, keys, bbox=place.bbox)
    if place.bbox is None or _FIXED & set(given):
        return _by_odc(items, keys, given)
    west, south, east, north = place.bbox
    if _is_unusual(place.bbox):
        return _own_geobox(items, keys, given, (west, south, east if east >= west else east + _TURN, north))
    return _by_odc(items, keys, {**given, "bbox": place.bbox})


def _require_near(crs: Any, items: Sequence[pystac.Item]) -> None:
    """Refuse a CRS of another part of the Earth, in which coordinates of the scenes mean nothing.

    Raises:
        UsageError: It is so.
    """
    from pyproj import CRS

    if not isinstance(crs, CRS) and not str(crs).upper().startswith("EPSG:"):
        return  # such as utm: the zone of the scenes
    use = (parsed := CRS.from_user_input(crs)).area_of_use
    edges = [(item.bbox[0], item.bbox[len(item.bbox) // 2]) for item in items if item.bbox is not None]
    if use is None or parsed.is_geographic or not edges or use.east < use.west:
        return
    if any(east - west > _TURN / 2 for west, east in edges):
        return  # a belt around the world does not say where the scene lies
    middles = [wrapped((west + (east if east >= west else east + _TURN)) / 2) for west, east in edges]
    apart = min(max(0.0, abs(wrapped(middle - (use.west + use.east) / 2)) - (use.east - use.west) / 2)
                for middle in middles)  # fmt: skip
    if apart > _FAR:
        raise UsageError(
            f"crs={crs!r} ({parsed.name}) is for longitudes from {use.west:g} to {use.east:g} degrees, but the scenes "
            f"lie around {middles[0]:.4g}; crs='utm' takes the zone of the scenes"
        )


def _require_polar(items: Sequence[pystac.Item], keys: Sequence[str], bbox: Sequence[float]) -> None:
    """Refuse a box with a pole on scenes whose CRS is none of poles.

    Raises:
        UsageError: It is so; the message names a CRS.
    """
    south, north = bbox[1], bbox[3]
    if max(abs(south), abs(north)) <= _POLE:
        return
    boxes = (asset_geobox(item, key) for item in items for key in keys)
    crs = next((box.crs for box in boxes if box is not None), None)
    if crs is None or crs.geographic:
        return
    operation = crs.proj.coordinate_operation
    method = "" if operation is None else operation.method_name.lower()
    if not any(word in method for word in ("polar", "stereographic", "azimuthal", "orthographic")):
        name = "EPSG:3413" if north > _POLE else "EPSG:3031"
        raise UsageError(
            f"the box {tuple(bbox)} holds a pole, which the CRS of the scenes ({crs}) does not; give crs={name!r} and "
            "resolution="
        )


def _is_unusual(bbox: Sequence[float]) -> bool:
    """Tell whether a box crosses 180 degrees or holds a pole, where outlines in degrees mislead."""
    west, south, east, north = bbox
    return east < west or max(abs(south), abs(north)) > _POLE


def _own_geobox(
    items: Sequence[pystac.Item], keys: Sequence[str], given: Mapping[str, Any], bbox: tuple[float, float, float, float]
) -> GeoBox:
    """Return the grid of a box across 180 degrees or with a pole, from points all over it."""
    from odc.geo.geobox import GeoBox
    from odc.geo.geom import BoundingBox

    named = {name: given[name] for name in ("crs", "resolution") if name in given}
    is_said = len(named) > 1 and str(named["crs"]).lower() != "utm"
    probe = _one_pixel(named) if is_said else _by_odc(items, keys, named)
    crs = probe.crs
    assert crs is not None
    resolution = given.get("resolution") or probe.resolution
    if not crs.geographic:
        west, south, east, north = bbox
        end = wrapped(east) if east > _TURN / 2 else east
        require_no_edge((west, south, end, north), given.get("crs") or crs)
    x, y = outline(bbox, crs)
    edges = BoundingBox(float(x.min()), float(y.min()), float(x.max()), float(y.max()), crs)
    anchor = given.get("anchor")
    wanted: dict[str, Any] = {"resolution": resolution}
    if anchor is not None:
        wanted["anchor"] = anchor
    elif given.get("resolution") is None:
        # The lattice of the scenes, as odc-stac takes it without a resolution.
        return _on_lattice(probe, edges)
    return GeoBox.from_bbox(edges, **wanted)


def _on_lattice(probe: GeoBox, edges: Any) -> GeoBox:
    from affine import Affine
    from odc.geo.geobox import GeoBox

    t = probe.transform
    cols = sorted(((edges.left - t.c) / t.a, (edges.right - t.c) / t.a))
    rows = sorted(((edges.top - t.f) / t.e, (edges.bottom - t.f) / t.e))
    first, last = math.floor(cols[0] + 1e-6), math.ceil(cols[1] - 1e-6)
    top, low = math.floor(rows[0] + 1e-6), math.ceil(rows[1] - 1e-6)
    return GeoBox((max(1, low - top), max(1, last - first)), t * Affine.translation(first, top), probe.crs)


def _by_odc(items: Sequence[pystac.Item], keys: Sequence[str], given: Mapping[str, Any]) -> GeoBox:
    from odc.stac import output_geobox

    has_all = bool({"geobox", "like"} & set(given)) or {"bbox", "crs", "resolution"} <= set(given)
    known = [] if has_all else _for_odc(items, keys)
    try:
        found = output_geobox(known, bands=[f"band{n}" for n in range(len(keys))] if known else None, **given)
    except (ValueError, TypeError) as error:
        # All that odc-stac refuses here are arguments that do not go together.
        raise UsageError(f"no grid can be made of {_said(given)}: {error}") from error
    except Exception as error:
        if type(error).__module__.startswith(("pyproj", "rasterio", "odc")):
            raise UsageError(f"crs={given.get('crs')!r} is not known: {error}") from error
        raise
    if found is None:
        raise LoadError(_no_grid(items, keys))
    return found


def _one_pixel(given: Mapping[str, Any]) -> GeoBox:
    from affine import Affine
    from odc.geo import CRS
    from odc.geo.geobox import GeoBox
    from odc.geo.types import res_

    resolution = res_(given["resolution"])
    return GeoBox((1, 1), Affine(resolution.x, 0, 0, 0, resolution.y, 0), CRS(str(given["crs"])))


def _said(given: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={str(value)[:60]}" for name, value in given.items()) or "the items"


def _no_grid(items: Sequence[pystac.Item], keys: Sequence[str]) -> str:
    listed = ", ".join(f"{item.id} {key}" for item in items[:3] for key in keys[:3] if key in item.assets)
    return (f"neither the items nor their files say CRS and pixel size ({listed}), so crs= and resolution= are needed; "
            "files that cannot be opened say nothing")  # fmt: skip


def _for_odc(items: Sequence[pystac.Item], keys: Sequence[str]) -> list[Any]:
    """Return items as odc-stac wants them: one that has most bands first, bands under names without a dot."""
    import pystac
    from odc.stac import parse_items

    first = max(items, key=lambda item: sum(key in item.assets for key in keys))
    made = []
    for item in (first, *(item for item in items if item is not first)):
        geometry, bbox = item.geometry, item.bbox
        if geometry is None:
            geometry, bbox = _outline_of(item, keys)
        other = pystac.Item(item.id, geometry, bbox, item.datetime or item.common_metadata.start_datetime, {},
                            stac_extensions=list(item.stac_extensions))  # fmt: skip
        for number, key in enumerate(keys):
            if key in item.assets and asset_geobox(item, key) is not None:
                fields = {
                    name: value for name, value in item.assets[key].extra_fields.items() if name.startswith("proj:")
                }
                code = fields.get("proj:code") or (f"EPSG:{fields['proj:epsg']}" if fields.get("proj:epsg") else None)
                if code:
                    fields["proj:code"] = code
                other.add_asset(f"band{number}", pystac.Asset(item.assets[key].href, media_type=pystac.MediaType.COG,
                                                              roles=["data"], extra_fields=fields))  # fmt: skip
        made.append(other)
    known = [item for item in made if item.assets]
    config = {"*": {"assets": {"*": {"data_type": "float32"}}, "warnings": "ignore"}}
    return list(parse_items(known or made[:0], config))


def _outline_of(item: pystac.Item, keys: Sequence[str]) -> tuple[Any, Any]:
    """Return footprint and box of an item without geometry, from its grids."""
    for key in keys:
        box = asset_geobox(item, key) if key in item.assets else None
        if box is not None:
            extent = box.geographic_extent
            return extent.json, list(extent.boundingbox)
    return None, None


def require_sane_size(
    geobox: GeoBox, layers: Mapping[str, str], times: int, items: Sequence[pystac.Item], keys: Sequence[str], *,
    resolution: Any, chunks: tuple[int, int, int] | None,
) -> None:  # fmt: skip
    """Refuse a cube that memory cannot hold, or that a resolution in the wrong unit makes of one pixel.

    Raises:
        UsageError: It is so; the message has the numbers.
    """
    rows, cols = geobox.shape.yx
    size = rows * cols * times * sum(np.dtype(name).itemsize for name in layers.values())
    unit = "degrees" if geobox.crs is not None and geobox.crs.geographic else "units of the CRS (mostly metres)"
    said = f"{times} x {rows} x {cols} pixels of {len(layers)} variables, {words_of(size)}"
    if chunks is None:
        memory = config.free_memory()
        if size > memory:
            raise UsageError(
                f"the cube would be {said}, more than the {words_of(memory)} of free memory; resolution is in {unit} "
                f"of {geobox.crs}; give chunks= for a lazy cube, a smaller box or coarser pixels, or allow_large=True"
            )
    else:
        blocks = -(-times // chunks[0]) * -(-rows // chunks[1]) * -(-cols // chunks[2]) * len(layers)
        if blocks > _MOST_BLOCKS:
            raise UsageError(
                f"the cube would be {said} in {blocks:,} blocks; resolution is in {unit} of {geobox.crs}; give a "
                "smaller box or coarser pixels, or allow_large=True"
            )
    if resolution is not None and rows * cols == 1 and _largest(items, keys) > _FINER * _FINER:
        raise UsageError(
            f"resolution={resolution} makes one pixel of the whole cube; it is in {unit} of {geobox.crs}; give a finer "
            "one, or allow_large=True"
        )


def _largest(items: Sequence[pystac.Item], keys: Sequence[str]) -> int:
    boxes = [box for item in items[:20] for key in keys[:1] if (box := asset_geobox(item, key)) is not None]
    return max((box.shape.x * box.shape.y for box in boxes), default=0)


def words_of(size: float) -> str:
    """Return a number of bytes in words."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} PB"
