"""Options of ``load`` that say what pixels are wanted, brought into one form before anything is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stacaster.errors import UsageError, nearest
from stacaster.geo.grid_input import read_crs, read_resampling, read_resolution
from stacaster.model.values import plain_word, read_choice, read_count, read_number

_NUMBERS = ("emissivity", "sky_irradiance")
_ANCHORS = ("edge", "center", "floating")
_GRIDS = {"geobox": "a GeoBox of odc-geo, as Catalog.geobox gives it,", "like": "a cube with a grid"}
_GROUPS = {plain_word(name): name for name in ("time", "solar_day", "id")}


def checked_grid(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options with CRS, pixel size, resampling and grouping in the form that loading takes.

    Raises:
        UsageError: One cannot be understood, or the pixel size is in other units than the CRS.
    """
    found = dict(options)
    if found.get("crs") is not None:
        found["crs"] = read_crs(found["crs"])
    if found.get("resolution") is not None:
        # Whoever says allow_large means what looks like a size in another unit.
        crs = None if found.get("allow_large") else found.get("crs")
        found["resolution"] = read_resolution(found["resolution"], crs)
    if found.get("resampling") is not None:
        found["resampling"] = read_resampling(found["resampling"])
    if found.get("groupby") is not None:
        found["groupby"] = read_groupby(found["groupby"])
    for name in _NUMBERS:
        if found.get(name) is not None:
            found[name] = read_number(name, found[name], low=0)
    if found.get("chunks") is not None:
        found["chunks"] = read_chunks(found["chunks"])
    if found.get("dtype") is not None:
        found["dtype"] = _read_dtype(found["dtype"])
    if isinstance(found.get("anchor"), str):
        found["anchor"] = read_choice("anchor", found["anchor"], _ANCHORS, aliases={"centre": "center"})
    if found.get("nodata") is not None:
        found["nodata"] = _read_nodata(found["nodata"])
    found |= _ends_of_slices(found)
    for name, attributes in (("geobox", ("shape", "crs")), ("like", ("odc",))):
        _check_grid_of(name, found.get(name), attributes)
    return found


def _ends_of_slices(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return first and last place along axes that were given as slices, as for ``sel`` of xarray."""
    given = {name: options.get(name) for name in ("x", "y", "lon", "lat")}
    return {name: (part.start, part.stop) for name, part in given.items() if isinstance(part, slice)}


def read_chunks(value: Any) -> dict[str, Any]:
    """Return the pieces of a lazy cube by dimension; a number, ``auto``, True or -1 count for both axes.

    Raises:
        UsageError: It is none of these.
    """
    table = dict(value) if isinstance(value, Mapping) else {"x": value, "y": value}
    known = ("x", "y", "longitude", "latitude", "time")
    for name, size in table.items():
        if name not in known:
            raise UsageError(f"chunks={value!r} has the dimension {name!r}; {nearest(str(name), known)}")
        if size != "auto":
            table[name] = -1 if str(size) == "-1" else read_count(f"chunks of {name}", size)
    return table


def _read_nodata(value: Any) -> Any:
    """Return the fill value, or that of each band; NaN is one."""
    if isinstance(value, Mapping):
        return {key: _read_nodata(entry) for key, entry in value.items()}
    is_nan = str(value).strip().lower() in ("nan", "-nan")
    return value if value is None else float("nan") if is_nan else read_number("nodata", value)


def _read_dtype(value: Any) -> Any:
    import numpy as np

    if isinstance(value, Mapping):
        return {key: _read_dtype(entry) for key, entry in value.items()}
    words = f"dtype={value!r}: a type of NumPy such as uint8, int16 or float32 is needed"
    try:
        found = np.dtype(value)
    except TypeError as error:
        raise UsageError(words) from error
    if found.kind not in "uifc":
        raise UsageError(words)
    return str(found)


def _check_grid_of(name: str, value: Any, attributes: tuple[str, ...]) -> None:
    if value is None or (name == "like" and hasattr(value, "crs")):
        return
    if isinstance(value, (str, bytes, int, float)) or not any(hasattr(value, part) for part in attributes):
        raise UsageError(f"{name}={value!r}: {_GRIDS[name]} is needed")


def read_groupby(value: Any) -> Any:
    """Return how scenes are grouped: ``time``, ``solar_day`` and ``id`` in any spelling, else as it is.

    Raises:
        UsageError: It is neither a name nor a function.
    """
    if callable(value):
        return value
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"groupby={value!r}: time, solar_day, id, a property of the items or a function is needed")
    return _GROUPS.get(plain_word(value), value.strip())
