"""Items as people pass them: a list, a generator, one item, the result of a search, a catalog, plain JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from stacaster.errors import UsageError

if TYPE_CHECKING:
    import pystac

    ItemsInput: TypeAlias = (
        pystac.Item | pystac.Catalog | Iterable[pystac.Item | Mapping[str, Any]] | Mapping[str, Any]
        | "SearchResult | Searchable"
    )  # fmt: skip
    """What ``read_items`` understands."""


class SearchResult(Protocol):
    """The result of a search, of stacaster or of pystac-client."""

    def items(self) -> Iterable[pystac.Item]:
        """Return the items."""


class Searchable(Protocol):
    """A catalog that is searched."""

    def search(self) -> SearchResult:
        """Search for every item."""


_NEEDED = "items of STAC are needed: a list, the result of a search, or a catalog"


def read_items(value: ItemsInput | None) -> list[pystac.Item]:
    """Return the items that a user passes.

    Args:
        value: Items in any iterable; one item; the result of a search of stacaster or pystac-client; a catalog of
            stacaster or pystac; a pystac ``ItemCollection``; an item or item collection as plain JSON.

    Raises:
        UsageError: It is none of these.
    """
    return list(_items(value))


def _items(value: Any) -> Iterator[pystac.Item]:
    import pystac

    if isinstance(value, pystac.Item):
        yield value
    elif isinstance(value, Mapping):
        yield from _of_document(value)
    elif isinstance(value, (str, bytes, PurePath)):
        raise UsageError(f"items is {str(value)!r}, but {_NEEDED}; stacaster.open_catalog({str(value)!r}) opens one")
    elif isinstance(value, pystac.Catalog):
        yield from value.get_items(recursive=True)
    elif callable(getattr(value, "items", None)):
        yield from _each(value.items())
    elif callable(getattr(value, "search", None)) and hasattr(value, "collections"):
        yield from value.search().items()
    elif isinstance(value, Iterable):
        yield from _each(value)
    else:
        raise UsageError(f"items is {value!r}, but {_NEEDED}")


def _each(entries: Iterable[Any]) -> Iterator[pystac.Item]:
    import pystac

    for entry in entries:
        if not isinstance(entry, (pystac.Item, Mapping)):
            raise UsageError(f"items has {str(entry)[:60]!r} ({type(entry).__name__}), but {_NEEDED}")
        yield from _items(entry)


def _of_document(document: Mapping[str, Any]) -> Iterator[pystac.Item]:
    import pystac
    from pystac.errors import STACError, STACTypeError

    if document.get("type") == "FeatureCollection":
        for feature in document.get("features") or ():
            yield from _of_document(feature)
        return
    try:
        yield pystac.Item.from_dict(dict(document), migrate=False)
    except (STACError, STACTypeError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise UsageError(f"items has a table that is no STAC item: {error!r}; {_NEEDED}") from error
