"""Items as others write them: GeoTIFFs made with rasterio, fields where the test wants them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import rasterio
import rasterio.warp
from affine import Affine

TRANSFORM = Affine(10, 0, 600000, 0, -10, 7000000)


def write_tif(
    path: Path, pixels: np.ndarray, *, transform: Affine = TRANSFORM, crs: str | None = "EPSG:32754",
    nodata: float | None = None, **profile: Any,
) -> Path:  # fmt: skip
    pixels = np.asarray(pixels)
    bands = pixels[None] if pixels.ndim == 2 else pixels
    with rasterio.open(
        path, "w", driver="GTiff", count=bands.shape[0], height=bands.shape[1], width=bands.shape[2],
        dtype=bands.dtype, crs=crs, transform=transform, nodata=nodata, **profile,
    ) as target:  # fmt: skip
        target.write(bands)
    return path


def plain_item(
    name: str, files: Mapping[str, Path], *, fields: Mapping[str, Mapping[str, Any]] | None = None, hours: float = 0.0,
    version: str = "1.1.0", level: str = "asset", states: bool = True, crs: str | None = None,
    properties: Mapping[str, Any] | None = None, roles: list[str] | None = None,
) -> pystac.Item:  # fmt: skip
    """Return an item of files; ``level`` says where the grid stands, ``states`` whether data type and nodata do."""
    moment = dt.datetime(2023, 6, 1, 1, tzinfo=dt.UTC) + dt.timedelta(hours=hours)
    document: dict[str, Any] = {
        "type": "Feature", "stac_version": version, "id": name, "collection": "c", "links": [], "assets": {},
        "properties": {"datetime": moment.isoformat(), **(properties or {})},
        "stac_extensions": ["https://stac-extensions.github.io/projection/v2.0.0/schema.json"],
    }  # fmt: skip
    for key, path in files.items():
        with rasterio.open(path) as dataset:
            code = crs or f"EPSG:{dataset.crs.to_epsg()}"
            west, south, east, north = rasterio.warp.transform_bounds(code, 4326, *dataset.bounds)
            place: dict[str, Any] = {
                "proj:code": code,
                "proj:shape": list(dataset.shape),
                "proj:transform": list(dataset.transform)[:6],
            }
            asset: dict[str, Any] = {"href": str(path), "type": "image/tiff; application=geotiff"}
            if roles != []:
                asset["roles"] = roles or ["data"]
            if states:
                asset["data_type"] = dataset.dtypes[0]
                if dataset.nodata is not None:
                    asset["nodata"] = "nan" if np.isnan(dataset.nodata) else dataset.nodata
        (asset if level == "asset" else document["properties"]).update(place)
        document["assets"][key] = asset | dict((fields or {}).get(key, {}))
    document["bbox"] = [west, south, east, north]
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    document["geometry"] = {"type": "Polygon", "coordinates": [ring]}
    return pystac.Item.from_dict(document, migrate=False)
