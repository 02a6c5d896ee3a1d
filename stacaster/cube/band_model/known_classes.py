"""Classes of quality bands that publishers do not list in their items: their names say which ones they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pystac

_SCENE_CLASSES = (
    "no_data", "saturated_or_defective", "dark_area_pixels", "cloud_shadows", "vegetation", "not_vegetated", "water",
    "unclassified", "cloud_medium_probability", "cloud_high_probability", "thin_cirrus", "snow",
)  # fmt: skip
"""Of the scene classification of Sentinel-2 level 2A, from 0 on."""

_LEVELS = {"none": 0, "low": 1, "medium": 2, "high": 3}


def _bit(name: str, offset: int) -> dict[str, Any]:
    return _bits(name, offset, 1, {f"not_{name}": 0, name: 1})


def _bits(name: str, offset: int, length: int, classes: Mapping[str, int]) -> dict[str, Any]:
    entries = [{"name": label, "value": value} for label, value in classes.items()]
    return {"name": name, "offset": offset, "length": length, "classes": entries}


_HLS_FMASK = [
    _bit("cirrus", 0), _bit("cloud", 1), _bit("adjacent", 2), _bit("shadow", 3), _bit("snow", 4), _bit("water", 5),
    _bits("aerosol", 6, 2, {"climatology": 0, "low": 1, "moderate": 2, "high": 3}),
]  # fmt: skip
"""Of HLS version 2, under the names of the product tables of stacaster."""

_LANDSAT_QA = [
    *(_bit(name, offset) for offset, name in enumerate(
        ("fill", "dilated_cloud", "cirrus", "cloud", "cloud_shadow", "snow", "clear", "water"))),
    *(_bits(f"{name}_confidence", 8 + 2 * number, 2, _LEVELS)
      for number, name in enumerate(("cloud", "cloud_shadow", "snow", "cirrus"))),
]  # fmt: skip
"""Of the pixel quality band of Landsat collection 2."""


def known_classes(item: pystac.Item, asset: str, href: str) -> dict[str, Any]:
    """Return ``classification:*`` of a band that its publisher describes elsewhere; nothing of other bands.

    Args:
        item: The item, whose collection says who made it.
        asset: Key of the asset.
        href: Its address, whose last part names the product where the collection does not.
    """
    key = asset.lower()
    texts = (str(item.collection_id or ""), item.id, href.rpartition("/")[2])
    if key.startswith("scl") and _is_of(texts, ("sentinel-2", "sentinel2", "sentinel-s2", "s2a_", "s2b_", "s2c_")):
        return {"classification:classes": [{"value": n, "name": name} for n, name in enumerate(_SCENE_CLASSES)]}
    if key == "fmask" and _is_of(texts, ("hls",)):
        return {"classification:bitfields": _HLS_FMASK}
    if key == "qa_pixel" and _is_of(texts, ("landsat", "lc08_", "lc09_", "le07_", "lt05_", "lt04_", "lo08_", "lo09_")):
        return {"classification:bitfields": _LANDSAT_QA}
    return {}


def _is_of(texts: Sequence[str], words: Sequence[str]) -> bool:
    return any(word in text.lower() for text in texts for word in words)
