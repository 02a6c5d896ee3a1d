"""Pixels of files at points: the CRS that counts, longitudes of the file's side of the Earth, values or NaN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.cube.band_model import BAND_NUMBER, HAS_MASK, KIND
from stacaster.cube.grouping import moment_of
from stacaster.cube.lattice import asset_geobox
from stacaster.errors import LoadError

if TYPE_CHECKING:
    import pandas as pd
    import pystac
    from numpy.typing import NDArray


def is_code(item: pystac.Item, key: str) -> bool:
    """Tell whether numbers of a band are codes, which have no units and nothing between two of them."""
    return key in item.assets and item.assets[key].extra_fields.get(KIND, "continuous") != "continuous"


def crs_of_file(dataset: Any, item: pystac.Item, key: str) -> Any:
    """Return the CRS of a file, or of its item where the file says none.

    Raises:
        LoadError: Neither says one.
    """
    if dataset.crs is not None:
        return dataset.crs
    box = asset_geobox(item, key)
    if box is None:
        raise LoadError(f"{item.id} {key}: neither the file nor the item says a CRS ({item.assets[key].href})")
    return str(box.crs)


def turned(lon: NDArray[Any], dataset: Any, crs: Any) -> NDArray[Any]:
    """Return longitudes on the side of the Earth where a file of longitudes lies, such as 0 to 360."""
    import rasterio

    if not rasterio.crs.CRS.from_user_input(crs).is_geographic:
        return lon
    middle = (dataset.bounds.left + dataset.bounds.right) / 2
    return np.asarray(lon + 360.0 * np.round((middle - lon) / 360.0))


def read_window(dataset: Any, window: Any, fields: Mapping[str, Any]) -> NDArray[np.float64]:
    """Return the pixels of a band as float64, NaN where there is no data."""
    number, nodata = int(fields.get(BAND_NUMBER, 1)), fields.get("nodata")
    stored = dataset.read(number, window=window)
    pixels: NDArray[np.float64] = stored.astype("float64")
    if nodata is not None and nodata == nodata:  # noqa: PLR0124 - NaN is not itself
        pixels[stored == stored.dtype.type(nodata)] = np.nan
    if fields.get(HAS_MASK):
        pixels[dataset.read_masks(number, window=window) == 0] = np.nan
    return pixels


def closest_in_time(table: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return of each point the row with a value that lies nearest in time."""
    having = table[table[list(names)].notna().any(axis=1)]
    keys = ["point", "distance", *(["item_id"] if "item_id" in having.columns else ["datetime"])]
    order = having.assign(distance=having["time_gap"].abs()).sort_values(keys)
    return order.drop_duplicates("point").drop(columns="distance")


def table_of_points(
    parts: Sequence[tuple[pystac.Item, Mapping[str, NDArray[Any]]]], names: Sequence[str]
) -> pd.DataFrame:
    """Return one row a point and scene, with the values of each band."""
    import pandas as pd

    counts = [len(part["point"]) for _, part in parts]
    times = np.array([np.datetime64(moment_of(item).replace(tzinfo=None), "ns") for item, _ in parts])
    table = pd.DataFrame({"point": np.concatenate([part["point"] for _, part in parts])})
    table["item_id"] = np.repeat(np.array([item.id for item, _ in parts], dtype=object), counts)
    table["datetime"] = pd.DatetimeIndex(np.repeat(times, counts)).tz_localize("UTC")
    for name in names:
        table[name] = np.concatenate([part[name] for _, part in parts])
    return table
