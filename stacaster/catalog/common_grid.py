"""One grid for scenes of several zones and bands of several pixel sizes, where the user names none.

Decision: an index of bands with several pixel sizes is made on the coarse grid: ASTER's lattices share pixel centres,
so that on the fine one every second centre lies just between two coarse pixels.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stacaster import cube
from stacaster.cube.lattice import asset_geobox
from stacaster.cube.selection import assets_of, band_names
from stacaster.errors import GridWarning, LoadError
from stacaster.geo.grid_input import METRES_A_DEGREE, read_crs, read_resolution

if TYPE_CHECKING:
    import pystac

_NAMED = {"geobox", "like", "x", "y"}


def with_grid(
    items: Sequence[pystac.Item],
    bands: Sequence[str] | None,
    options: Mapping[str, Any],
    *,
    bbox: Sequence[float] | None = None,
) -> dict[str, Any]:
    """Return options of a load with a grid: that of the scenes where they share one, else a common one.

    The common one has the CRS of most scenes and the pixels of the coarsest band; finer bands are averaged onto them.
    A ``GridWarning`` says what was chosen, with the options that choose it again.

    Args:
        items: The scenes.
        bands: Bands; None takes all.
        options: Options of ``load``.
        bbox: Box of the cube, west, south, east, north in degrees.

    Raises:
        UsageError: The options name no CRS, or a pixel size in other units; or there is no such band.
        LoadError: No scene says its grid.
    """
    found = {key: value for key, value in options.items() if value is not None}
    if _NAMED & set(found) or {"crs", "resolution"} <= set(found) or found.get("native"):
        return found
    names = band_names(bands, assets_of(items))
    boxes = {name: [box for item in items if (box := asset_geobox(item, key)) is not None]
             for name, key in names.items()}  # fmt: skip
    boxes = {name: some for name, some in boxes.items() if some}
    if not boxes:
        raise LoadError(f"no scene says the grid of {', '.join(names)}; give crs= and resolution=")
    sizes = {name: max(abs(box.transform.a) for box in some) for name, some in boxes.items()}
    coarse = [name for name in sizes if sizes[name] == max(sizes.values())]
    finer = [name for name in sizes if name not in coarse]
    reason = ""
    if not {"crs", "resolution"} & set(found):
        reason = _why_not_native(items, [names[name] for name in coarse], bbox)
        if not reason and not finer:
            return found | {"native": True}
        if not reason:
            # ASTER's lattices share pixel centres: on the fine one every second centre lies between two coarse ones.
            _say_coarse(sizes, finer)
            found["geobox"] = cube.native_geobox(items, [names[name] for name in coarse], bbox=bbox)
            return _averaged(found, finer)
    return _averaged(_common(items, names, max(sizes.values()), found, reason), finer)


def _averaged(options: dict[str, Any], finer: Sequence[str]) -> dict[str, Any]:
    if not finer or "resampling" in options:
        return options
    return options | {"resampling": dict.fromkeys(finer, "average")}


def _why_not_native(items: Sequence[pystac.Item], keys: Sequence[str], bbox: Sequence[float] | None) -> str:
    """Return why scenes have no grid in common; empty where they have."""
    try:
        cube.native_geobox(items, keys, bbox=bbox)
    except LoadError as error:
        return error.message.partition(";")[0]
    return ""


def _common(
    items: Sequence[pystac.Item], names: Mapping[str, str], size: float, options: dict[str, Any], reason: str
) -> dict[str, Any]:
    """Return options with the CRS of most scenes, and the pixels of the coarsest band in its units."""
    zones: Counter[str] = Counter()
    for item in items:
        known = {str(box.crs) for key in names.values() if (box := asset_geobox(item, key)) is not None}
        zones.update(known)
    most = min(zones, key=lambda name: (-zones[name], name))
    crs = read_crs(options.get("crs") or most)
    pixel = options.get("resolution")
    if pixel is None:
        pixel = size
        if isinstance(crs, str) and crs == "utm":
            pixel = size
        elif _is_geographic(crs) and not _is_geographic(most):
            pixel = float(f"{size / METRES_A_DEGREE:.3g}")
        elif _is_geographic(most) and not _is_geographic(crs):
            pixel = float(f"{size * METRES_A_DEGREE:.3g}")
    pixel = read_resolution(pixel, crs)
    if len(zones) > 1:
        counts = (f"{name}: {count} {'scene' if count == 1 else 'scenes'}" for name, count in sorted(zones.items()))
        said = f"the scenes lie in {len(zones)} coordinate reference systems ({', '.join(counts)})"
    else:
        said = reason or "the pixel size is that of the scenes"
    text = f"crs={str(crs)!r}, resolution={pixel:.12g}" if isinstance(pixel, float) else f"crs={str(crs)!r}"
    warnings.warn(f"{said}; the cube is on {text}", GridWarning, stacklevel=5)
    return options | {"crs": crs, "resolution": pixel}


def _say_coarse(sizes: Mapping[str, float], finer: Sequence[str]) -> None:
    fine = min(sizes[name] for name in finer)
    warnings.warn(
        f"the bands have pixels of {', '.join(f'{size:g}' for size in sorted(set(sizes.values())))}; the cube has the "
        f"coarsest, finer ones are averaged onto them; resolution={fine:g} takes finer ones",
        GridWarning, stacklevel=5,
    )  # fmt: skip


def _is_geographic(crs: Any) -> bool:
    from pyproj import CRS

    return bool(CRS.from_user_input(crs).is_geographic)
