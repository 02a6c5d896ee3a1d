"""What a collection says of the assets of its items (``item_assets``), where the collection is at hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pystac

_OF_THE_COLLECTION = ("title", "description", "href")
"""Fields that describe the entry of the collection, not the asset of an item."""


def described_assets(item: pystac.Item) -> dict[str, dict[str, Any]]:
    """Return the assets of an item as plain data, with what only its collection says of them."""
    return with_item_assets({key: asset.to_dict() for key, asset in item.assets.items()}, _item_assets(item))


def with_item_assets(assets: Mapping[str, dict[str, Any]], defaults: Any) -> dict[str, dict[str, Any]]:
    """Return assets with the fields that they leave to ``item_assets`` of their collection.

    Args:
        assets: Assets by key, as plain data.
        defaults: ``item_assets`` as a document has it, which may be nothing at all.
    """
    if not isinstance(defaults, Mapping) or not defaults:
        return dict(assets)
    result = {}
    for key, asset in assets.items():
        entry = defaults.get(key)
        common = entry if isinstance(entry, Mapping) and isinstance(asset, Mapping) else {}
        result[key] = _completed(asset, common) if common else asset
    return result


def _completed(asset: dict[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an asset with what it lacks, after its own fields: one that says all comes out as it went in."""
    bands = asset.get("bands")
    of_bands = (
        {name for band in bands if isinstance(band, Mapping) for name in band} if isinstance(bands, list) else set()
    )
    own = {name: value for name, value in asset.items() if value is not None or name not in entry}
    common = {
        name: value
        for name, value in entry.items()
        if name not in own and name not in _OF_THE_COLLECTION and name not in of_bands
    }
    return own | common


def _item_assets(item: pystac.Item) -> Mapping[str, Any]:
    """Return ``item_assets`` of a collection that is in memory or on this disk; none is asked for on the web."""
    link = next((link for link in item.links if link.rel == "collection"), None)
    if link is None:
        return {}
    if link.is_resolved():
        fields = getattr(link.target, "extra_fields", None) or {}
        entries = fields.get("item_assets")
    else:
        address = link.get_absolute_href() or ""
        entries = None if "://" in address or not address.endswith(".json") else _on_disk(address, _state(address))
    return entries if isinstance(entries, Mapping) else {}


def _state(path: str) -> tuple[int, int] | None:
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=64)
def _on_disk(path: str, state: tuple[int, int] | None) -> Mapping[str, Any] | None:
    """Return ``item_assets`` of a document; ``state`` tells one that changed."""
    if state is None:
        return None
    try:
        document = json.loads(Path(path).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    entries = document.get("item_assets") if isinstance(document, dict) else None
    return entries if isinstance(entries, Mapping) else None
