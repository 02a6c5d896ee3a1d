"""One damaged item costs itself: it is named, the others are there, and ``info`` always answers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import stacaster
from stacaster.catalog import Catalog, item_table
from stacaster.cli import main
from stacaster.errors import LeftOutWarning

DAMAGED = [b"", b"{", b"null", b"[]", b"\xff\xfe", b'{"id": "x"}', b'{"type": "Feature", "id": 5, "properties": []}']


@pytest.fixture
def copy(catalog: Catalog, tmp_path: Path) -> Catalog:
    shutil.copytree(catalog.root, tmp_path / "c")
    return stacaster.open_catalog(tmp_path / "c")


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    item_table.close_databases()
    return int(caught.value.code or 0)


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_item_is_left_out_by_name(
    content: bytes, copy: Catalog, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    victim = copy.search().found[3]
    path = copy.root / victim.href
    path.write_bytes(content)
    with pytest.warns(LeftOutWarning, match="stacaster doctor") as caught:
        ids = [item.id for item in copy.search().items()]
    assert victim.id not in ids
    assert len(ids) == 7
    assert str(path) in str(caught[0].message)
    assert victim.id in str(caught[0].message)
    if content != b"{":
        return
    for arguments in (
        ("items", "--json"),
        ("report", "-o", str(tmp_path / "x.html")),
        ("items", "-o", str(tmp_path / "x.csv")),
    ):
        assert run(*arguments, "--catalog", str(copy.root)) == 4
        output = capsys.readouterr()
        assert "unexpected" not in output.err
        assert output.err.count(f"{victim.id}:") == 1
        if "--json" in arguments:
            assert len(json.loads(output.out)["features"]) == 7
    assert run("items", "--catalog", str(copy.root), "--filter", f"id = '{victim.id}'") == 7
    assert run("doctor", "--fix", "--catalog", str(copy.root)) == 0
    assert len(copy.search()) == 8


def test_a_damaged_item_can_be_removed(copy: Catalog) -> None:
    victim = copy.search().found[0]
    (copy.root / victim.href).write_bytes(b"{")
    assert copy.remove(ids=[victim.id]) == [victim.id]
    assert len(list(copy.search().items())) == 7


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("catalog.json", b"{"), ("catalog.json", b"[]"), ("aster-l1t-003/collection.json", b"{"),
        ("aster-l1t-003/collection.json", b'{"extent": 5}'), ("index.duckdb", b"text"), ("index.duckdb", None),
        ("aster-l1t-003/items.parquet", b""),
    ],
)  # fmt: skip
def test_info_describes_a_damaged_catalog(
    name: str, content: bytes | None, copy: Catalog, capsys: pytest.CaptureFixture[str]
) -> None:
    item_table.close_databases()
    if content is None:
        (copy.root / name).unlink()
    else:
        (copy.root / name).write_bytes(content)
    assert run("info", "--json", "--catalog", str(copy.root)) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["collection"] for row in found["collections"]] == ["aster-l1t-003"]
    is_harmless = name.endswith("items.parquet") or content == b'{"extent": 5}'
    assert is_harmless or any(
        name.rsplit("/", maxsplit=1)[-1] in text or "counted" in text for text in found["problems"]
    )
    assert copy._repr_html_()
