"""The API under stac-api-validator, without a network: core schemas from pystac, those of extensions from ../shared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pystac
import pytest
import requests
import shapely

from stacaster.catalog import Catalog
from tests.server.test_serve import running

CLASSES = ("core", "collections", "features", "item-search", "filter")
# Ids are those of the provider, in capitals, and items say much: no fault.
ALLOWED = ("should only contain Searchable identifiers", "returned 0 results", "bloated metadata")


def schemas(folder: Path) -> dict[str, Any]:
    from pystac.validation.local_validator import get_local_schema_cache

    known: dict[str, Any] = {uri.rstrip("#"): document for uri, document in get_local_schema_cache().items()}
    for path in folder.glob("*.json"):
        document = json.loads(path.read_bytes())
        known[str(document["$id"]).rstrip("#")] = document
    return known


def test_stac_api_validator_finds_no_error(catalog: Catalog, monkeypatch: pytest.MonkeyPatch, repository: Path) -> None:
    pytest.importorskip("stac_api_validator")
    from click.testing import CliRunner
    from stac_api_validator.__main__ import main

    known = schemas(repository.parent / "shared" / "schemas")
    send = requests.Session.send

    def local(self: Any, request: Any, **options: Any) -> Any:
        if urlsplit(request.url).hostname == "127.0.0.1":
            return send(self, request, **options)
        answer = requests.Response()
        answer.status_code, answer.url, answer.request, answer.encoding = 200, request.url, request, "utf-8"
        answer._content = json.dumps(known.get(request.url.rstrip("#"), {})).encode()
        return answer

    class Offline(pystac.stac_io.DefaultStacIO):
        def read_text(self, source: Any, *given: Any, **options: Any) -> str:
            if urlsplit(str(source)).hostname in (None, "127.0.0.1"):
                return super().read_text(source, *given, **options)
            return json.dumps(known.get(str(source).rstrip("#"), {}))

    monkeypatch.setattr(requests.Session, "send", local)
    monkeypatch.setattr(pystac.StacIO, "_default_io", Offline)
    footprint = next(catalog.search(collections=["aster-l1t-003"]).items()).geometry
    around = json.dumps(shapely.geometry.mapping(shapely.geometry.shape(footprint).buffer(2).envelope))
    with running(catalog) as server:
        words = [word for name in CLASSES for word in ("--conformance", name)]
        words += ["--root-url", server.address, "--collection", "aster-l1t-003", "--geometry", around]
        result = CliRunner().invoke(main, words)
    output = result.output
    print(output)
    warnings, ended, errors = output.partition("Warnings")[2].partition("Errors")
    assert ended and result.exit_code == 0, output
    assert errors.strip(": \n") == "none", errors
    for line in warnings.strip(": \n").splitlines():
        assert line.strip() in ("", "none") or any(text in line for text in ALLOWED), line
