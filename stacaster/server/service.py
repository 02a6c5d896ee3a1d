"""What the API says of itself: conformance classes, queryables, OpenAPI."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from stacaster.catalog.item_table.column_types import COMMON
from stacaster.config import __version__
from stacaster.server.queries import DEFAULT_LIMIT, MAXIMUM_LIMIT

_STAC = "https://api.stacspec.org/v1.0.0"
_FEATURES = "http://www.opengis.net/spec/ogcapi-features"
_CQL2 = "http://www.opengis.net/spec/cql2/1.0/conf"

CONFORMANCE = (
    f"{_STAC}/core",
    f"{_STAC}/collections",
    f"{_STAC}/ogcapi-features",
    f"{_STAC}/item-search",
    f"{_STAC}/item-search#fields",
    f"{_STAC}/ogcapi-features#fields",
    f"{_STAC}/item-search#sort",
    f"{_STAC}/item-search#filter",
    "https://api.stacspec.org/v1.1.0/item-search#sort",
    "https://api.stacspec.org/v1.1.0/ogcapi-features#sort",
    f"{_FEATURES}-1/1.0/conf/core",
    f"{_FEATURES}-1/1.0/conf/geojson",
    f"{_FEATURES}-1/1.0/conf/oas30",
    f"{_FEATURES}-3/1.0/conf/filter",
    f"{_FEATURES}-3/1.0/conf/features-filter",
    f"{_CQL2}/cql2-text",
    f"{_CQL2}/cql2-json",
    f"{_CQL2}/basic-cql2",
    f"{_CQL2}/advanced-comparison-operators",
    f"{_CQL2}/basic-spatial-functions",
    f"{_CQL2}/property-property",
    f"{_CQL2}/case-insensitive-comparison",
)
"""Classes that the API conforms to; a test stands behind each."""


_TYPES = {"VARCHAR": "string", "BOOLEAN": "boolean", "TIMESTAMP": "string"}


def _queryable(title: str, kind: str) -> dict[str, Any]:
    """Return the JSON schema of a property by its type in SQL."""
    number = re.fullmatch(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL\(.*\)", kind) is not None
    other = _TYPES.get(kind.partition(" ")[0], "array" if kind.endswith("[]") else "string")
    form = {"format": "date-time"} if kind.startswith("TIMESTAMP") else {}
    return {"title": title, "type": "number" if number else other, **form}


def queryables(columns: Mapping[str, str], names: Mapping[str, str], address: str) -> dict[str, Any]:
    """Return what filters may ask, as a JSON schema.

    Args:
        columns: Type of each column of the item table.
        names: STAC name of a property by its column.
        address: Address of the document.
    """
    shown: dict[str, Any] = {"geometry": {"$ref": "https://geojson.org/schema/Geometry.json", "title": "geometry"}}
    for column, kind in columns.items():
        if column in ("geometry", "href", "xmin", "ymin", "xmax", "ymax", "year"):
            continue
        shown[names.get(column, column)] = _queryable(column, kind)
    for name, kind in COMMON.items():
        shown.setdefault(name, _queryable(name, kind))
    return {
        "$schema": "https://json-schema.org/draft/2019-09/schema",
        "$id": address,
        "type": "object",
        "title": "Queryables",
        "properties": shown,
        "additionalProperties": False,
    }


def openapi(base: str) -> dict[str, Any]:
    """Return the description of the API."""
    text, number = (
        {"type": "string"},
        {"type": "integer", "minimum": 1, "maximum": MAXIMUM_LIMIT, "default": DEFAULT_LIMIT},
    )
    search = [
        ("bbox", text),
        ("intersects", text),
        ("datetime", text),
        ("collections", text),
        ("ids", text),
        ("filter", text),
        ("filter-lang", text),
        ("sortby", text),
        ("fields", text),
        ("limit", number),
        ("token", text),
    ]
    query = [{"name": name, "in": "query", "schema": schema} for name, schema in search]
    path = {name: {"name": name, "in": "path", "required": True, "schema": text} for name in ("collection", "item")}
    answers = {
        "200": {"description": "OK"},
        "400": {"description": "wrong parameter"},
        "404": {"description": "not there"},
    }

    def get(summary: str, *parameters: Any) -> dict[str, Any]:
        return {"get": {"summary": summary, "parameters": list(parameters), "responses": answers}}

    item_path = "/collections/{collection}/items/{item}"
    paths = {
        "/": get("Landing page"),
        "/conformance": get("Conformance classes"),
        "/collections": get("Collections"),
        "/collections/{collection}": get("A collection", path["collection"]),
        "/collections/{collection}/items": get("Items of a collection", path["collection"], *query),
        item_path: get("An item", *path.values()),
        "/queryables": get("What filters may ask"),
        "/search": {
            **get("Search of items", *query),
            "post": {
                "summary": "Search of items",
                "responses": answers,
                "requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}},
            },
        },
        f"{item_path}/preview.png": get("A picture of an item", *path.values()),
        f"{item_path}/tiles/WebMercatorQuad/{{z}}/{{x}}/{{y}}.png": get(
            "A tile of an item",
            *path.values(),
            *({"name": name, "in": "path", "required": True, "schema": {"type": "integer"}} for name in "zxy"),
        ),
    }
    info = {"title": "stacaster", "version": __version__, "description": "STAC API and tiles of a local catalog"}
    return {"openapi": "3.0.3", "info": info, "servers": [{"url": base}], "paths": paths}
