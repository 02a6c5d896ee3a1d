"""Shares of classes: what a series says of bands whose numbers are codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.analysis.bands import code_bands

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

_BETWEEN = "="


def class_shares(cube: xr.Dataset) -> dict[str, xr.DataArray]:
    """Return 1 where a pixel is of a class, 0 where it is of another, NaN where there is no data, by ``band=class``.

    Classes are those that the band lists, else the codes that it holds.
    """
    found = {}
    for name in code_bands(cube):
        band = cube[name]
        if "time" not in band.dims:
            continue
        nodata = band.attrs.get("nodata")
        valid = band.notnull() if nodata is None or nodata != nodata else band != nodata  # noqa: PLR0124 - NaN
        for code, meaning in _classes(band, nodata).items():
            share = (band == code).where(valid).astype("float32")
            share.attrs = {"grid_mapping": band.attrs["grid_mapping"]} if "grid_mapping" in band.attrs else {}
            found[f"{name}{_BETWEEN}{meaning}"] = share
    return found


def _classes(band: xr.DataArray, nodata: Any) -> dict[Any, str]:
    values = np.atleast_1d(band.attrs.get("flag_values", [])).tolist()
    meanings = str(band.attrs.get("flag_meanings", "")).split()
    if values and len(values) == len(meanings) and band.attrs.get("kind") != "bitfield":
        return {code: meaning for code, meaning in zip(values, meanings, strict=True) if code != nodata}
    codes = np.unique(band.values)
    codes = codes[np.isfinite(codes)]
    return {code: f"{code:g}" for code in codes.tolist() if code != nodata}


def with_shares(table: pd.DataFrame, shares: dict[str, xr.DataArray]) -> pd.DataFrame:
    """Return a series whose rows of classes have a class and a share in place of a mean."""
    of_class = table["band"].isin(list(shares))
    parts = table["band"].where(of_class, "").str.rpartition(_BETWEEN)
    table = table.assign(band=table["band"].where(~of_class, parts[0]), share=table["mean"].where(of_class))
    table["class"] = parts[2].where(of_class, None)
    table.loc[of_class, ["mean", "std"]] = np.nan
    return table
