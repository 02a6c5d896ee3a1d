"""Offline validation of STAC documents: core schemas of pystac, extension schemas of the shared folder."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator
from referencing import Registry
from referencing.jsonschema import DRAFT7


@cache
def _registry(schemas: Path) -> Registry:
    import pyproj
    from pystac.validation.local_validator import get_local_schema_cache

    documents = dict(get_local_schema_cache())
    for path in schemas.glob("*.json"):
        schema = json.loads(path.read_text(encoding="utf-8"))
        documents[schema["$id"].rstrip("#")] = schema
    folder = Path(pyproj.datadir.get_data_dir())
    projjson = folder / "projjson.schema.json"
    if projjson.exists():
        documents["https://proj.org/schemas/v0.7/projjson.schema.json"] = json.loads(
            projjson.read_text(encoding="utf-8")
        )
    pairs = [(uri, DRAFT7.create_resource(doc)) for uri, doc in documents.items()]
    return Registry().with_resources(pairs)


def check(document: dict[str, Any], schemas: Path) -> list[str]:
    """Return every violation of the core schema and of the extension schemas that are there; empty when valid."""
    registry = _registry(schemas)
    core = {
        "Feature": "https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/item.json",
        "Collection": "https://schemas.stacspec.org/v1.1.0/collection-spec/json-schema/collection.json",
        "Catalog": "https://schemas.stacspec.org/v1.1.0/catalog-spec/json-schema/catalog.json",
    }[document["type"]]
    known = [uri for uri in document.get("stac_extensions", []) if uri in registry]
    problems = []
    for uri in [core, *known]:
        validator = Draft7Validator({"$ref": uri}, registry=registry)
        problems += [f"{uri.split('/')[-3]}: {e.json_path}: {e.message[:200]}" for e in validator.iter_errors(document)]
    return problems


def known_extensions(schemas: Path) -> int:
    """Return the number of extension schemas that can be checked."""
    return len(list(schemas.glob("*.json")))
