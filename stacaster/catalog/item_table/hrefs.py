"""Where items lie in their collection, and hrefs that are relative to one place or the other."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any


def year_of(item: Mapping[str, Any]) -> str:
    """Return the year in whose folder an item lies.

    Raises:
        KeyError: The item has no time.
    """
    properties = item["properties"]
    return str(properties.get("datetime") or properties["start_datetime"])[:4]


# Relative paths are taken apart below so many folders: those of this process may be too few for hrefs far up.
_DEEP = "/-" * 200 + "/"


def rebase_hrefs(item: Mapping[str, Any], folder: str, *, inward: bool) -> dict[str, Any]:
    """Move the base of relative hrefs, of links and assets, between an item's folder and that of the collection.

    Args:
        item: STAC item.
        folder: Folder of the item relative to the collection, ending in ``/``.
        inward: True from collection to item, False from item to collection.
    """

    def moved(part: Mapping[str, Any]) -> dict[str, Any]:
        href = str(part["href"])
        if not href.startswith(("./", "../")):
            return dict(part)
        place = posixpath.relpath(_DEEP + href, _DEEP + folder) if inward else posixpath.normpath(folder + href)
        return {**part, "href": place if place.startswith("../") else f"./{place}"}

    assets = {key: moved(asset) for key, asset in item["assets"].items()}
    return {**item, "assets": assets, "links": [moved(link) for link in item.get("links", ())]}
