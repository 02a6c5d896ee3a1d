"""Small scenes with known pixels."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pystac
from affine import Affine
from odc.geo.geobox import GeoBox

from stacaster.geotiff.cog import write_cog
from stacaster.instruments.aster import BANDS
from stacaster.model import SceneBand

BAND = {band.name: band for band in BANDS}
START = dt.datetime(2003, 8, 30, 0, 43, 2, tzinfo=dt.UTC)


def made_scene(
    folder: Path, name: str, pixels: Mapping[str, np.ndarray], *, geobox: GeoBox | None = None,
    moment: dt.datetime = START, sun_elevation: float | None = 30.0, scale: Mapping[str, float] | None = None,
) -> pystac.Item:  # fmt: skip
    """Return an item of ASTER bands with the given stored numbers, one grid for all of them."""
    shape = next(iter(pixels.values())).shape
    box = geobox or GeoBox(shape, Affine(30, 0, 300000, 0, -30, 6500000), "EPSG:32754")
    extent = box.geographic_extent
    west, south, east, north = extent.boundingbox
    properties = {} if sun_elevation is None else {"view:sun_elevation": sun_elevation}
    item = pystac.Item(name, extent.json, [west, south, east, north], moment, properties)
    item.collection_id = "made"
    item.stac_extensions = ["https://stac-extensions.github.io/projection/v2.0.0/schema.json"]
    for key, values in pixels.items():
        band = BAND[key]
        path = folder / f"{name}-{key}.tif"
        factor = (scale or {}).get(key, 1.0)
        write_cog(values.astype(band.data_type), path,
                  scene_band=SceneBand(band=band, layer="", geobox=box, scale=factor, offset=-factor))  # fmt: skip
        fields: dict[str, Any] = {
            "proj:code": str(box.crs), "proj:shape": list(box.shape), "proj:transform": list(box.transform)[:6],
            "data_type": band.data_type, "nodata": 0, "unit": band.unit, "raster:scale": factor,
            "raster:offset": -factor, "file:size": path.stat().st_size, "bands": [{"name": key}],
            "stacaster:saturation": band.saturation,
        }  # fmt: skip
        if band.solar_illumination is not None:
            fields["eo:solar_illumination"] = band.solar_illumination
        item.add_asset(key, pystac.Asset(str(path), roles=["data"], media_type=pystac.MediaType.COG,
                                         extra_fields=fields))  # fmt: skip
    return item


def full(value: float, shape: tuple[int, int] = (16, 16)) -> np.ndarray:
    return np.full(shape, value)
