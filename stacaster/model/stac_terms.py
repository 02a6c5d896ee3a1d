"""Words of STAC that several steps write and read.

Decision: the STAC name of complex numbers is ``cfloat32``, which odc-stac takes for a NumPy name, and it sees missing
pixels in real numbers only; ``load`` gives odc-stac the type and a ``fuse_func``, with plain odc-stac the user does.
"""

from __future__ import annotations

PARQUET_TYPE = "application/vnd.apache.parquet"
"""Media type of GeoParquet."""


NOT_GEOCODED = "stacaster:geocoded"
"""Field that is false where pixels lie on no grid of a map."""


_COMPLEX = {"complex64": "cfloat32", "complex128": "cfloat64"}


def stac_type(name: str) -> str:
    """Return the STAC name of a NumPy type: that of complex numbers differs."""
    return _COMPLEX.get(name, name)


def numpy_type(name: str) -> str:
    """Return the NumPy name of a STAC type."""
    return next((ours for ours, theirs in _COMPLEX.items() if theirs == name), name)
