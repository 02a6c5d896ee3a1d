"""What is wanted of granules: bands, frequency, parts of the instrument, an area."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

from stacaster.errors import UsageError, nearest
from stacaster.geo.area_input import read_place
from stacaster.model import PARTS
from stacaster.model.granule_options import IngestOptions
from stacaster.model.names import Names, as_names, check_known, option_names
from stacaster.model.options import AreaOptions
from stacaster.products import all_products

AREA = option_names(AreaOptions)
"""Options that name an area."""

OPTIONS = option_names(IngestOptions)
"""Options of an ingest beside those of its signature."""


def parse_wanted(subsystem: Names | None = (), **options: Unpack[IngestOptions]) -> dict[str, Any]:
    """Check what is wanted of granules.

    Args:
        subsystem: Parts such as ``VNIR``.
        **options: ``bands`` (names, or a text with commas), ``frequency`` (``A`` or ``B``), ``split_complex``,
            ``variables``, ``classes``, ``keep_files``, ``grid`` with ``resolution``, ``average`` and ``max_distance``
            for swaths, and ``bbox``, ``intersects``, ``region``, ``name_column`` as in
            a search.

    Returns:
        Plain data for a worker: ``subsystems``, ``bands``, ``area``, ``split_complex``.

    Raises:
        UsageError: A name is not known, or an option cannot be understood.
    """
    check_known("ingest", options, IngestOptions, also=("subsystem", "keep_swir", "profile", "workers", "dry_run"))
    frequency = options.get("frequency")
    if frequency is not None and str(frequency).upper() not in ("A", "B"):
        raise UsageError(f"frequency is {frequency!r}, but A or B is needed")
    parts = [
        *(as_names(subsystem, "subsystem") or ()),
        *([] if frequency is None else [f"frequency{str(frequency).upper()}"]),
    ]
    return {
        "subsystems": _subsystems(parts),
        "bands": _bands(as_names(options.get("bands"), "bands") or (), split=bool(options.get("split_complex"))),
        "area": parse_area(**{key: value for key, value in options.items() if key in AREA}),
        "split_complex": bool(options.get("split_complex")),
        "variables": as_names(options.get("variables"), "variables") or [],
        "classes": _granules_of_classes(options.get("classes")),
        "keep_files": bool(options.get("keep_files")),
        "grid": _grid(options),
    }


def _grid(options: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the grid for swaths; None where none is asked for."""
    crs, resolution, distance = (options.get(name) for name in ("grid", "resolution", "max_distance"))
    if crs is None:
        given = next((name for name in ("resolution", "average", "max_distance") if options.get(name)), None)
        if given is not None:
            raise UsageError(f"{given} is {options[given]!r} without a grid; give grid, such as EPSG:32755, too")
        return None
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        system = CRS.from_user_input(crs)
    except CRSError as error:
        raise UsageError(f"grid is {crs!r}, but a CRS such as EPSG:32755 is needed") from error
    if not (system.is_projected or system.is_geographic):
        raise UsageError(f"grid is {crs!r}, which is no CRS of a map; take a projected one, or EPSG:4326")
    code = system.to_epsg()
    return {
        "crs": f"EPSG:{code}" if code else system.to_wkt(),
        "resolution": _positive("resolution", resolution, "in units of the grid"),
        "average": bool(options.get("average")),
        "max_distance": None if distance is None else _positive("max_distance", distance, "of metres"),
    }


def _positive(name: str, value: Any, what: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise UsageError(f"{name} is {value!r}, but a positive number {what} is needed")
    return number


def parse_area(**asked: Any) -> dict[str, Any] | None:
    """Return the area that granules are cut to as GeoJSON; None for whole granules.

    Args:
        **asked: ``bbox``, ``intersects``, ``region`` and ``name_column`` as for ``read_place``.

    Raises:
        UsageError: It cannot be understood, or is given twice.
    """
    geometry = read_place(**asked, needs_area=True).geometry
    return None if geometry is None else dict(geometry)


def _subsystems(names: Sequence[str]) -> list[str]:
    # Products with many subsystems first, so that names come in their order.
    products = sorted(all_products().values(), key=lambda product: -len({band.group for band in product.bands}))
    known = {band.group.upper(): band.group for product in products for band in product.bands if band.group}
    for name in names:
        if name.upper() not in known:
            raise UsageError(f"subsystem is {name!r}, which is not known; {nearest(name, known.values())}")
    return sorted({known[name.upper()] for name in names})


def _granules_of_classes(value: Any) -> list[str] | None:
    """Return folders and files that may hold ATL08 granules; None where none were named."""
    if value is None:
        return None
    named = [value] if isinstance(value, (str, os.PathLike)) else list(value)
    for entry in named:
        path = Path(entry)
        if not path.is_dir() and not (path.is_file() and "ATL08" in path.name):
            raise UsageError(f"classes is {str(entry)!r}, but a folder with ATL08 granules, or such a file, is needed")
    return [str(Path(entry).absolute()) for entry in named]


_LIKE = 0.75
"""How like a known band a name has to be to be taken for a misspelt one."""


def _bands(parts: Sequence[str], *, split: bool) -> list[str]:
    known = {band.name for product in all_products().values() for band in product.bands}
    for name in parts:
        if name not in known and not any(name.removesuffix(part) in known for part in PARTS):
            import difflib

            near = difflib.get_close_matches(name, known, n=1, cutoff=_LIKE)
            if not near:
                # Files that no table knows have bands of any name; whether one is there is seen in the file.
                continue
            hint = f"did you mean {near[0]}? "
            raise UsageError(f"no product has a band {name!r}; {hint}'stacaster products --json' lists them")
        if name not in known and not split:
            whole = name.rpartition("_")[0]
            raise UsageError(f"{name} is made of the complex band {whole} with split_complex (--split-complex)")
    return sorted(set(parts))
