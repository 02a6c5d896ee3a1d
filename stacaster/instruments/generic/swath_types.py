"""Types of fields of swaths on grids, of which some pixels have no cell, or are means."""

from __future__ import annotations

import math

from stacaster.model import BandKind, Layer

_WIDER = {
    "uint8": ("int16", -1), "int8": ("int16", -32768), "uint16": ("int32", -1), "int16": ("int32", -(1 << 31)),
    "uint32": ("float64", math.nan), "int32": ("float64", math.nan),
}  # fmt: skip
"""Types with room for a number that no field of the key has, and that number."""


def swath_type(data_type: str, nodata: float | None, *, is_average: bool) -> tuple[str, float | None]:
    """Return type and fill value of a field of a swath on a grid, of which some pixels have no cell.

    Args:
        data_type: Type of the stored numbers.
        nodata: Their fill value.
        is_average: Whether pixels are means of numbers.
    """
    if is_average:
        return ("float64" if data_type in ("int32", "uint32", "float64") else "float32"), math.nan
    if nodata is not None:
        return data_type, nodata
    return _WIDER.get(data_type, (data_type, math.nan))


def is_averaged(layer: Layer, kind: BandKind) -> bool:
    """Tell whether pixels of a field are means of cells: of measurements of a swath, where that was asked for."""
    return layer.swath is not None and layer.swath.buckets is not None and kind == "continuous"
