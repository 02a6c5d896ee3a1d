"""What a cube says of its pixels: which have a value, and what stands where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.cube.pipeline.plan import COUNT, SOURCE

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["COUNT", "SOURCE", "first_valid", "is_valid", "nothing_of"]


def first_valid(target: NDArray[Any], source: NDArray[Any]) -> None:
    """Fill what is NaN: a ``fuse_func`` of complex bands for plain odc-stac, which knows no missing pixels of them."""
    np.copyto(target, source, where=np.isnan(target))


def is_valid(band: xr.DataArray) -> xr.DataArray:
    """Return where a band has a value."""
    if band.dtype.kind in "fc":
        return band.notnull()
    nodata = band.attrs.get("nodata")
    return (band == band) if nodata is None else band != nodata  # noqa: PLR0124 - true everywhere


def nothing_of(band: xr.DataArray) -> Any:
    """Return the value that means no data in a band; None when it has none."""
    return np.nan if band.dtype.kind in "fc" else band.attrs.get("nodata")
