"""A catalog as one page: footprints, pictures, filters; nothing is loaded from elsewhere."""

from __future__ import annotations

import base64
import json
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from stacaster.catalog import open_catalog
from stacaster.config import catalog_place
from stacaster.errors import NothingFoundError, ReadError, UsageError
from stacaster.files.atomic import complete_file
from stacaster.geo.land import PAGE_STYLE, land_within
from stacaster.geotiff.opening import open_raster
from stacaster.model.checked import checked
from stacaster.model.options import ConditionOptions

if TYPE_CHECKING:
    import pystac

_SIZE = 160
_QUALITY = 75


@checked
def write_report(
    output: str | os.PathLike[str],
    *,
    catalog: str | os.PathLike[str] | None = None,
    title: str | None = None,
    thumbnails: int = 500,
    overwrite: bool = False,
    progress: Callable[[int, int, str], None] | None = None,
    **conditions: Unpack[ConditionOptions],
) -> Path:
    """Write a page with the footprints of a catalog, their pictures, and filters by collection, date, cloud and name.

    The page is one file that opens without a server and asks no other host.

    Args:
        output: ``.html`` file.
        catalog: Folder or address of the catalog.
        title: Heading; None takes the name of the catalog.
        thumbnails: Largest number of pictures, some 4 kB each; further items are shown without.
        overwrite: Replace a file that exists.
        progress: Called with items done, items there are, and the last one.
        **conditions: Those of ``Catalog.search``: ``bbox``, ``datetime``, ``collections``, ``filter`` ...

    Returns:
        The file.

    Raises:
        NothingFoundError: No item fits.
        UsageError: The file exists, its name ends in something else, or a condition cannot be understood.
        ExportError: The file cannot be written.
    """
    path = Path(output)
    if path.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"output is {path.name!r}, but a name ending in .html is needed")
    if path.exists() and not overwrite:
        raise UsageError(f"{path} exists; overwrite=True replaces it")
    opened = open_catalog(catalog_place(catalog))
    rows, pictures = [], 0
    found = opened.search(**conditions)
    # Candidates: to count the items themselves would read them all once more.
    total = len(found.found)
    for item in found.items():
        row = _row(item)
        if pictures < thumbnails and (picture := _picture(item)) is not None:
            row["picture"] = picture
            pictures += 1
        rows.append(row)
        if progress is not None:
            progress(len(rows), total, item.id)
    if not rows:
        raise NothingFoundError(f"no item of {opened.name} fits")
    times = sorted(row["start"][:10] for row in rows)
    subtitle = f"{len(rows)} items, {times[0]} to {times[-1]}"
    if 0 < pictures < len(rows):
        subtitle += f"; pictures of the first {pictures}"
    # A text in a script element ends at "</"; in JSON the same can be said with an escape.
    data = json.dumps(rows, separators=(",", ":")).replace("<", "\\u003c")
    page = (Path(__file__).parent / "page.html").read_text(encoding="utf-8")
    style = PAGE_STYLE.read_text(encoding="utf-8").strip()
    for mark, text in (("STYLE", style), ("TITLE", escape(title or opened.name)), ("SUBTITLE", escape(subtitle)),
                       ("DATA", data), ("LAND", _land(rows))):  # fmt: skip
        page = page.replace(f"@@{mark}@@", text)
    with complete_file(path) as part:
        part.write_text(page, encoding="utf-8")
    return path


def _land(rows: list[dict[str, Any]]) -> str:
    """Return the outlines of countries around the footprints as JSON."""
    points = [point for row in rows for ring in row["rings"] for point in ring]
    if not points:
        return "[]"
    x, y = [point[0] for point in points], [point[1] for point in points]
    # As much as a wide page shows around a narrow catalog.
    room = 3 * max(max(x) - min(x), max(y) - min(y), 0.05)
    bounds = max(min(x) - room, -180.0), max(min(y) - room, -90.0), min(max(x) + room, 180.0), min(max(y) + room, 90.0)
    rings = [[[round(lon, 3), round(lat, 3)] for lon, lat in ring] for ring in land_within(bounds)]
    return json.dumps(rings, separators=(",", ":"))


def _row(item: pystac.Item) -> dict[str, Any]:
    properties = item.properties
    moment = properties.get("datetime") or properties["start_datetime"]
    cloud = properties.get("eo:cloud_cover")
    return {
        "id": item.id,
        "collection": str(item.collection_id),
        "start": str(properties.get("start_datetime") or moment),
        "end": str(properties.get("end_datetime") or moment),
        "cloud": None if cloud is None else round(float(cloud), 1),
        "rings": list(_rings(item.geometry or {})),
    }


def _rings(geometry: Mapping[str, Any]) -> Iterator[list[list[float]]]:
    """Yield all rings, rounded to some ten metres; holes count by the rule of odd crossings."""
    coordinates = geometry.get("coordinates") or []
    polygons = {"MultiPolygon": coordinates, "Polygon": [coordinates]}.get(str(geometry.get("type")), [])
    for polygon in polygons:
        for ring in polygon:
            yield [[round(float(x), 4), round(float(y), 4)] for x, y, *_ in ring]


def _picture(item: pystac.Item) -> str | None:
    """Return the thumbnail of an item, made small, as an address that holds the data; None where there is none here."""
    asset = item.assets.get("thumbnail")
    if asset is None or "://" in asset.href or not Path(asset.href).is_file():
        return None
    import numpy as np
    import rasterio
    from rasterio.enums import Resampling
    from rasterio.errors import NotGeoreferencedWarning, RasterioError
    from rasterio.io import MemoryFile

    with warnings.catch_warnings(), rasterio.Env(GDAL_PAM_ENABLED="NO"):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        try:
            with open_raster(asset.href) as file:
                step = max(1.0, max(file.shape) / _SIZE)
                shape = (file.count, *(max(1, round(size / step)) for size in file.shape))
                pixels = file.read(out_shape=shape, resampling=Resampling.average)
        except (RasterioError, ReadError):
            return None
        colours = pixels[:3] if len(pixels) >= 3 else np.repeat(pixels[:1], 3, axis=0)
        if len(pixels) in (2, 4):
            colours = np.where(pixels[-1] > 127, colours, 255).astype(np.uint8)
        options = {"driver": "JPEG", "count": 3, "height": shape[1], "width": shape[2], "dtype": "uint8"}
        with MemoryFile(ext=".jpg") as memory:
            with memory.open(**options, quality=_QUALITY, photometric="ycbcr") as file:
                file.write(colours)
            content = bytes(memory.getbuffer())
    return f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"
