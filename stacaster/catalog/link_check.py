"""Whether the files that items name elsewhere are there, and whether documents fit the schemas of STAC."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

from stacaster.config import requests_at_once
from stacaster.network.http import TIMEOUT, new_session

# Who asks without a login is refused, or led to a login page: the file is there as far as can be told.
_THERE = {200, 206, 301, 302, 303, 307, 308, 401, 403, 405}
_ADDRESSES = ("http://", "https://")
_CORE = {
    "Feature": "https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/item.json",
    "Collection": "https://schemas.stacspec.org/v1.1.0/collection-spec/json-schema/collection.json",
    "Catalog": "https://schemas.stacspec.org/v1.1.0/catalog-spec/json-schema/catalog.json",
}


def lost_addresses(items: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield place and problem of items that name an address where nothing is.

    Args:
        items: Items by the place of their document.
    """
    session = new_session()

    def ask(address: str) -> str | None:
        try:
            status = session.head(address, timeout=TIMEOUT, allow_redirects=False).status_code
        except OSError as error:
            return f"does not answer ({type(error).__name__})"
        return None if status in _THERE else f"answers {status}"

    asked = [
        (place, key, str(asset["href"]))
        for place, item in items.items()
        for key, asset in item["assets"].items()
        if str(asset["href"]).startswith(_ADDRESSES)
    ]
    with ThreadPoolExecutor(requests_at_once(8)) as pool:
        answers = dict(zip(dict.fromkeys(href for _, _, href in asked), pool.map(ask, _once(asked)), strict=True))
    for place, key, href in asked:
        if answers[href] is not None:
            yield place, f"{key}: {href.partition('?')[0]} {answers[href]}"


def _once(asked: Iterable[tuple[str, str, str]]) -> list[str]:
    return list(dict.fromkeys(href for _, _, href in asked))


def schema_problem(document: Mapping[str, Any], schemas: Path | None) -> str | None:
    """Return the first violation of the STAC schemas, or None.

    Args:
        document: Item, collection or catalog.
        schemas: Folder with schemas of extensions; None checks the core alone, which pystac brings along.
    """
    from jsonschema import Draft7Validator

    registry, known = _registry(schemas)
    for address in [_CORE[str(document["type"])], *document.get("stac_extensions", ())]:
        if address in known:
            for error in Draft7Validator({"$ref": address}, registry=registry).iter_errors(document):
                return f"{address.split('/')[-3]}: {error.json_path}: {error.message[:120]}"
    return None


@cache
def _registry(schemas: Path | None) -> tuple[Any, frozenset[str]]:
    from pystac.validation.local_validator import get_local_schema_cache
    from referencing import Registry
    from referencing.jsonschema import DRAFT7

    documents: dict[str, Any] = dict(get_local_schema_cache())
    for path in sorted(schemas.glob("*.json")) if schemas is not None else ():
        schema = json.loads(path.read_text(encoding="utf-8"))
        documents[str(schema["$id"]).rstrip("#")] = schema
    _add_projjson(documents)
    pairs = [(address, DRAFT7.create_resource(document)) for address, document in documents.items()]
    return Registry().with_resources(pairs), frozenset(documents)


def _add_projjson(documents: dict[str, Any]) -> None:
    import pyproj

    path = Path(pyproj.datadir.get_data_dir()) / "projjson.schema.json"
    if path.exists():
        documents["https://proj.org/schemas/v0.7/projjson.schema.json"] = json.loads(path.read_text(encoding="utf-8"))
