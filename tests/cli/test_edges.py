"""Commands at the edges: Ctrl-C, texts of others, arguments that are none."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import stacaster
from stacaster.catalog import Catalog
from stacaster.errors import QueryTimeoutError, UsageError

ENDLESS = "select count(*) from range(100000000000) a where a.range * a.range % 7 = 3"
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
HOSTILE = "a\x1b]0;title\x07\x1b[2Jb\x9b31m\u202ec\x08\rd"


def command(repository: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "stacaster", *words], env={**os.environ, "PYTHONPATH": str(repository)},
        capture_output=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [
        ["sql", ENDLESS], ["sql", "--csv", ENDLESS], ["serve", "--port", "0"],
        ["export", "-o", "x.nc", "--crs", "EPSG:32754", "--resolution", "5", "--overwrite"],
        ["doctor", "--deep"], ["report", "-o", "x.html", "--overwrite"],
    ],
)  # fmt: skip
def test_ctrl_c_is_130(catalog: Catalog, tmp_path: Path, repository: Path, words: list[str]) -> None:
    """At several moments; what has ended before is 0. The signal goes to all processes, as from a terminal."""
    is_endless = words[0] in ("sql", "serve")
    for delay in (1.0, 3.0):
        with subprocess.Popen(
            [sys.executable, "-m", "stacaster", *words, "--catalog", str(catalog.root)], cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(repository)}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True, start_new_session=True,
        ) as process:  # fmt: skip
            time.sleep(delay)
            os.killpg(process.pid, signal.SIGINT)
            _, errors = process.communicate(timeout=120)
        assert process.returncode in ((130,) if is_endless else (130, 0)), errors
        assert "Traceback" not in errors and "unexpected" not in errors


def test_a_query_that_takes_too_long(catalog: Catalog, repository: Path) -> None:
    with pytest.raises(QueryTimeoutError, match=r"longer than 0\.2 s"):
        catalog.sql(ENDLESS, timeout=0.2)
    assert catalog.sql("select 1", timeout=60).table.num_rows == 1
    with pytest.raises(UsageError, match="timeout=-1"):
        catalog.sql("select 1", timeout=-1)
    done = command(repository, "sql", ENDLESS, "--timeout", "0.2", "--catalog", str(catalog.root))
    assert done.returncode == 1 and b"took longer than 0.2 s" in done.stderr


def foreign(folder: Path) -> Path:
    """Return items whose names and texts steer terminals, pages and spreadsheets."""
    shape = {"type": "Polygon", "coordinates": [[[138, -32], [139, -32], [139, -31], [138, -31], [138, -32]]]}
    features = [
        {
            "type": "Feature", "stac_version": "1.1.0", "stac_extensions": [], "id": name, "geometry": shape,
            "bbox": [138, -32, 139, -31], "collection": "foreign", "links": [],
            "properties": {"datetime": "2003-01-01T00:00:00Z", "title": text, "platform": text},
            "assets": {"B": {"href": "https://example.com/x.tif", "title": text}},
        }
        for name, text in (("plain", HOSTILE), ("formula", "=HYPERLINK(1)"), (f"x{HOSTILE}", "@SUM(1)"))
    ]  # fmt: skip
    path = folder / "items.json"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def test_texts_of_others_steer_nothing(tmp_path: Path, repository: Path) -> None:
    root = str(tmp_path / "c")
    calls: list[list[str]] = [
        ["import", str(foreign(tmp_path))], ["items"], ["items", "--json"], ["info"], ["sql", "select * from items"],
        ["sql", "--csv", "select * from items"], ["doctor"], ["report", "-o", str(tmp_path / "x.html")],
        ["items", "-o", str(tmp_path / "x.csv")], ["items", "--ids", HOSTILE], ["sql", HOSTILE], [HOSTILE],
    ]  # fmt: skip
    shown = []
    for words in calls:
        done = command(repository, *words, *(["--catalog", root] if words != [HOSTILE] else []))
        text = (done.stdout + done.stderr).decode()
        assert CONTROL.search(text) is None, (words, text)
        assert "Traceback" not in text
        shown.append(text)
    assert "\\x1b" in "".join(shown), "nothing hostile was shown"
    assert CONTROL.search((tmp_path / "x.html").read_text("utf-8")) is None


def test_no_cell_is_a_formula(tmp_path: Path, repository: Path) -> None:
    root = str(tmp_path / "c")
    command(repository, "import", str(foreign(tmp_path)), "--catalog", root)
    command(repository, "items", "-o", str(tmp_path / "x.csv"), "--catalog", root)
    query = "select id, platform, '-1.5' n, '+x' \"=a\" from items"
    printed = command(repository, "sql", "--csv", query, "--catalog", root)
    for text in ((tmp_path / "x.csv").read_text("utf-8"), printed.stdout.decode()):
        cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
        assert any(cell.startswith("'=HYPERLINK") for cell in cells) and any(cell == "'@SUM(1)" for cell in cells)
        assert [cell for cell in cells if cell[:1] in "=@+-\t\r" and cell and not re.fullmatch(r"-?[\d.]+", cell)] == []
    assert "'+x" in printed.stdout.decode() and "'=a" in printed.stdout.decode() and ",-1.5," in printed.stdout.decode()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.toml", "a=" + "[" * 6000), ("y.toml", "a=" + "{b=" * 3000), ("x.json", "[" * 100_000),
        ("y.json", '{"a":' * 50_000), ("z.toml", "\x00"), ("z.json", "[]"),
    ],
)  # fmt: skip
def test_recipes_that_are_none(catalog: Catalog, tmp_path: Path, repository: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    words = ["tiles", "plan", str(path), "-o", str(tmp_path / "out"), "--catalog", str(catalog.root)]
    done = command(repository, *words)
    assert done.returncode == 2 and name in done.stderr.decode() and b"Traceback" not in done.stderr
    with pytest.raises(UsageError):
        stacaster.sar.StackConfig.from_toml(path)


@pytest.mark.parametrize("asked", [{"sortby": 5}, {"sortby": ["id", 5]}, {"intersects": "[" * 50_000},
                                   {"filter": "(" * 9000 + "a=1" + ")" * 9000}, {"bbox": "[" * 5000}])  # fmt: skip
def test_conditions_that_are_none(catalog: Catalog, asked: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        list(catalog.search(**asked).items())
