"""Grid, CRS and fill value that the tags of a GeoTIFF state. Sources: OGC GeoTIFF 1.1; GDAL's tag 42113."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from affine import Affine

from stacaster.geotiff.directories import Directory
from stacaster.geotiff.driver.unsupported import UnsupportedError

_SCALE, _TIEPOINT, _MATRIX, _GEO_KEYS, _NODATA = 33550, 33922, 34264, 34735, 42113
# Keys of a CRS that say no more than its code does, and the value that they must have, if any.
_PLAIN_KEYS = {1024: None, 1025: None, 1026: None, 2048: None, 2049: None, 2054: 9102, 2057: None, 2058: None,
               2059: None, 3072: None, 3073: None, 3076: 9001}  # fmt: skip
_MODEL, _RASTER, _GEOGRAPHIC, _PROJECTED = 1024, 1025, 2048, 3072
_POINT = 2
_USER_DEFINED = 32767
_NOT_A_NUMBER = ("nan", "-nan", "1.#qnan", "-1.#ind", "1.#ind")


@dataclass(frozen=True)
class Georeference:
    """Where pixels lie."""

    transform: Affine
    """Pixels of the full resolution to coordinates; whole numbers are edges of pixels."""
    epsg: int | None
    """Code of the CRS; None when the file does not give it as a plain code."""


def georeference_of(directory: Directory) -> Georeference | None:
    """Return where the pixels of a picture lie; None when GDAL has to be asked."""
    keys = _keys(directory)
    transform = _transform(directory)
    if keys is None or transform is None:
        return None
    if keys.get(_RASTER, (0, 1))[1] == _POINT:
        # The corner that is given is the centre of a pixel.
        transform *= Affine.translation(-0.5, -0.5)
    return Georeference(transform, _epsg(keys))


def _transform(directory: Directory) -> Affine | None:
    matrix = directory.numbers(_MATRIX)
    scale, tie = directory.numbers(_SCALE), directory.numbers(_TIEPOINT)
    if len(scale) >= 2 and len(tie) == 6 and scale[1] > 0:
        left, top = tie[3] - tie[0] * scale[0], tie[4] + tie[1] * scale[1]
        found = Affine(scale[0], 0.0, left, 0.0, -scale[1], top)
    elif len(matrix) == 16 and not scale:
        a, b, _, c, d, e, _, f = matrix[:8]
        found = Affine(a, b, c, d, e, f)
    else:
        return None
    is_finite = all(math.isfinite(value) for value in tuple(found)[:6])
    return found if is_finite and found.determinant else None


def _keys(directory: Directory) -> dict[int, tuple[int, int]] | None:
    listed = [int(value) for value in directory.numbers(_GEO_KEYS)]
    if len(listed) < 8:
        return None
    entries = [listed[at : at + 4] for at in range(4, len(listed) - 3, 4)]
    return {key: (where, value) for key, where, _, value in entries}


def _epsg(keys: dict[int, tuple[int, int]]) -> int | None:
    for key, (where, value) in keys.items():
        if key not in _PLAIN_KEYS or (_PLAIN_KEYS[key] is not None and (where or value != _PLAIN_KEYS[key])):
            return None
    model = keys.get(_MODEL, (0, 0))[1]
    where, code = keys.get({1: _PROJECTED, 2: _GEOGRAPHIC}.get(model, 0), (0, _USER_DEFINED))
    return None if where or code in {0, _USER_DEFINED} else code


def nodata_of(directory: Directory, dtype: str) -> float | None:
    """Return the fill value of a picture as a number; None when it has none that its pixels can have.

    Raises:
        UnsupportedError: It is no number.
    """
    entry = directory.tags.get(_NODATA)
    text = "" if entry is None else entry.text
    if not text:
        return None
    if text.lower() in _NOT_A_NUMBER:
        return known_nodata(math.nan, dtype)
    try:
        is_long = dtype in {"int64", "uint64"} and text.lstrip("+-").isdigit()
        return known_nodata(int(text) if is_long else float(text), dtype)
    except ValueError:
        raise UnsupportedError(f"its fill value is {text!r}") from None


def known_nodata(nodata: float | None, dtype: str) -> float | None:
    """Return a fill value that a type can hold, else None: no pixel has another one."""
    kind = np.dtype(dtype)
    if nodata is None or kind.kind not in "ui":
        return nodata
    if not (math.isfinite(nodata) and float(nodata).is_integer()):
        return None
    limits = np.iinfo(kind)
    return nodata if limits.min <= nodata <= limits.max else None
