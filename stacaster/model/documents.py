"""Documents as they stand in files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson


def as_json(document: Mapping[str, Any]) -> bytes:
    """Return a document as it stands in a file."""
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


ITEM_FIELDS = frozenset(
    {"id", "collection", "geometry", "bbox", "links", "assets", "stac_version", "stac_extensions", "type"}
)
"""Fields of an item beside its properties; in a table both stand side by side."""
