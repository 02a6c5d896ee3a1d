"""Functions of odc-loader that are not its public interface: the only place that imports them.

They may move with any release, so that pyproject.toml bounds odc-loader from above;
``tests/geotiff/test_odc_private.py`` says what has moved.
"""

from __future__ import annotations

from odc.loader._builder import mk_dataset, resolve_chunk_shape
from odc.loader._reader import (
    nodata_mask,
    pick_overview,
    resolve_band_query,
    resolve_dst_dtype,
    resolve_dst_fill_value,
    resolve_dst_nodata,
    resolve_src_nodata,
    same_nodata,
)
from odc.loader._rio import RioDriver, rio_env, rio_read

__all__ = [
    "RioDriver",
    "mk_dataset",
    "nodata_mask",
    "pick_overview",
    "resolve_band_query",
    "resolve_chunk_shape",
    "resolve_dst_dtype",
    "resolve_dst_fill_value",
    "resolve_dst_nodata",
    "resolve_src_nodata",
    "rio_env",
    "rio_read",
    "same_nodata",
]
