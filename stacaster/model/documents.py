"""Documents as they stand in files."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import orjson


@contextmanager
def many_documents() -> Iterator[None]:
    """Keep Python from looking for cycles: documents have none, and it would look at each of them again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def as_json(document: Mapping[str, Any]) -> bytes:
    """Return a document as it stands in a file."""
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


ITEM_FIELDS = frozenset(
    {"id", "collection", "geometry", "bbox", "links", "assets", "stac_version", "stac_extensions", "type"}
)
"""Fields of an item beside its properties; in a table both stand side by side."""
