"""Searches by name: the name holds the search, so that a link stays valid as long as the catalog does."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from stacaster.errors import NothingFoundError, UsageError
from stacaster.server.queries import read_request

_KEYS = ("collections", "ids", "bbox", "intersects", "datetime", "filter", "filter-lang", "sortby")
_LONGEST = 8_000
_LARGEST = 200_000
_LISTED = 1_000


class Searches:
    """Searches that clients registered; the list is of this run, the names are good in any."""

    def __init__(self) -> None:
        self._listed: OrderedDict[str, Any] = OrderedDict()

    def register(self, body: Mapping[str, Any], collections: Sequence[str]) -> str:
        """Return the name of a search.

        Args:
            body: A search as ``POST /search`` takes it; ``metadata`` with a ``name`` may stand beside it.
            collections: Ids of the collections there are.

        Raises:
            UsageError: It is none, or too long for a name.
        """
        search = {key: body[key] for key in _KEYS if body.get(key) not in (None, "", [], {})}
        if not search:
            raise UsageError("the search asks nothing; give collections, bbox, datetime, filter or the like")
        read_request(search, collections=collections, is_body=True)
        packed = zlib.compress(json.dumps(search, sort_keys=True, separators=(",", ":")).encode(), 9)
        name = base64.urlsafe_b64encode(packed).decode().rstrip("=")
        if len(name) > _LONGEST:
            raise UsageError("the search is too long for a name: simplify the geometry, or name fewer ids")
        metadata = body.get("metadata")
        self._listed[name] = {"id": name, "search": search, "metadata": metadata if isinstance(metadata, dict) else {}}
        while len(self._listed) > _LISTED:
            self._listed.popitem(last=False)
        return name

    def get(self, name: str) -> dict[str, Any]:
        """Return the search of a name.

        Raises:
            NothingFoundError: The name is none.
        """
        try:
            packed = base64.urlsafe_b64decode(name + "=" * (-len(name) % 4))
            opened = zlib.decompressobj()
            search = json.loads(opened.decompress(packed, _LARGEST))
        except (binascii.Error, zlib.error, ValueError, RecursionError) as error:
            raise NothingFoundError("there is no such search; POST /searches/register names one") from error
        if not isinstance(search, dict) or not search or not set(search) <= set(_KEYS) or not opened.eof:
            raise NothingFoundError("there is no such search; POST /searches/register names one")
        return search

    def listed(self) -> list[dict[str, Any]]:
        """Return the searches that were registered in this run."""
        return list(self._listed.values())
