"""A catalog damaged on purpose: everything is named, and made true again or put aside."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import stacaster
from stacaster.catalog import Catalog, commit_items
from stacaster.catalog.store import CatalogStore
from stacaster.errors import CatalogError
from tests.answers import Answers
from tests.catalog.made_items import made_item, stage

COLLECTION = "aster-l1t-003"


@pytest.fixture
def copy(catalog: Catalog, tmp_path: Path) -> Path:
    """A copy of the session's catalog that may be damaged."""
    shutil.copytree(catalog.root, tmp_path / "c")
    return tmp_path / "c"


def content(root: Path) -> dict[str, str]:
    """Hash of every file but the database; JSON by what it says: parquet does not keep the order of keys."""
    found = {}
    for path in sorted(root.rglob("*")):
        if path.is_file() and ".stacaster" not in path.parts and path.name != "index.duckdb":
            data = path.read_bytes()
            if path.suffix == ".json":
                data = json.dumps(json.loads(data), sort_keys=True).encode()
            found[str(path.relative_to(root))] = hashlib.sha256(data).hexdigest()
    return found


def test_a_sound_catalog(catalog: Catalog) -> None:
    assert stacaster.catalog.check_catalog(catalog.root, deep=True) == []


@pytest.mark.parametrize(("pixels", "is_named"), [(0.09, False), (0.11, True)])
def test_a_grid_that_is_not_that_of_the_file_is_named(
    tmp_path: Path, granules: Path, pixels: float, is_named: bool
) -> None:
    """The item says another origin than the file; all three documents agree, so only the file can tell."""
    stacaster.ingest([granules], catalog=tmp_path / "a", bands=["B10"])
    shutil.copytree(tmp_path / "a" / COLLECTION, tmp_path / "source")
    for path in (tmp_path / "source").glob("*/*/*.json"):
        document = json.loads(path.read_bytes())
        for holder in (document["properties"], *document["assets"].values()):
            if "proj:transform" in holder:
                transform = holder["proj:transform"]
                transform[2] += pixels * transform[0]
        path.write_text(json.dumps(document))
    stacaster.import_items(tmp_path / "source" / "collection.json", catalog=tmp_path / "b")
    assert stacaster.catalog.check_catalog(tmp_path / "b") == []
    problems = stacaster.catalog.check_catalog(tmp_path / "b", deep=True)
    assert bool(problems) == is_named
    assert all("B10: proj:transform lies 0.11 pixels from that of the file" in problem.text for problem in problems)


@pytest.mark.parametrize("what", ["items.parquet", "index.duckdb", "json"])
def test_any_one_of_the_three_is_made_from_the_others(copy: Path, catalog: Catalog, what: str) -> None:
    """JSON, parquet or database gone altogether: the same bytes come back (the database by its rows)."""
    gone = list(copy.glob("*/*/*/*.json")) if what == "json" else list(copy.rglob(what))
    assert gone
    for path in gone:
        path.unlink()
    found = stacaster.catalog.check_catalog(copy)
    assert found and {problem.remedy for problem in found} == {"rebuild"}
    stacaster.catalog.fix_catalog(copy)
    assert stacaster.catalog.check_catalog(copy, deep=True) == []
    assert content(copy) == content(catalog.root)
    rows = "select * exclude geometry from items order by id"
    assert stacaster.open_catalog(copy).sql(rows).table.equals(catalog.sql(rows).table)


def edit(path: Path, change: Callable[[dict], None]) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def test_a_number_that_was_altered_in_one_place(copy: Path, catalog: Catalog) -> None:
    """Two of the three agree, so the third is wrong."""
    path = next(iter(sorted(copy.glob("*/*/*/*.json"))))
    edit(path, lambda item: item["properties"].update({"eo:cloud_cover": 77.0}))
    (problem, *_) = stacaster.catalog.check_catalog(copy)
    assert problem.place.endswith(path.name) and "differs from items.parquet and index.duckdb" in problem.text
    stacaster.catalog.fix_catalog(copy)
    assert content(copy) == content(catalog.root)


def test_an_item_whose_pixels_were_altered_is_put_aside(copy: Path, granules: Path) -> None:
    path = min(copy.glob("*/*/*/B10.tif"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    (problem, *_) = stacaster.catalog.check_catalog(copy)
    assert problem.remedy == "quarantine" and "B10.tif differs from its checksum" in problem.text
    stacaster.catalog.fix_catalog(copy)
    assert stacaster.catalog.check_catalog(copy) == [] and len(stacaster.open_catalog(copy).search()) == 7
    (aside,) = (copy / ".stacaster" / "quarantine").glob(f"*/*/*/{path.parent.name}/B10.tif")
    assert aside.read_bytes() == data
    assert len(stacaster.ingest([granules], catalog=copy).ingested) == 1
    assert stacaster.catalog.check_catalog(copy, deep=True) == []


def damage(root: Path, chance: random.Random) -> str:
    """Damage a catalog in one of many ways; return what was done."""
    files = sorted(path for path in root.rglob("*") if path.is_file() and ".stacaster" not in path.parts)
    kind = chance.choice(["flip", "flip", "delete", "truncate", "stray", "swap", "folder", "empty"])
    target = chance.choice(files)
    if kind == "stray":
        (target.parent / "stray.txt").write_text("x")
    elif kind == "swap":
        one, other = chance.sample(sorted(root.rglob("B1?.tif")), 2)
        first, second = one.read_bytes(), other.read_bytes()
        if first == second:
            return damage(root, chance)
        one.write_bytes(second)
        other.write_bytes(first)
    elif kind == "folder":
        shutil.rmtree(chance.choice(sorted(path.parent for path in root.glob("*/*/*/*.json"))))
    elif kind == "delete":
        target.unlink()
    elif kind == "empty":
        target.write_bytes(b"")
    elif kind == "truncate":
        target.write_bytes(target.read_bytes()[: chance.randrange(target.stat().st_size)])
    else:
        data = bytearray(target.read_bytes())
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        target.write_bytes(data)
    return f"{kind} {target.relative_to(root)}"


SEEDS = int(os.environ.get("STACASTER_TEST_CORRUPTIONS", "40"))


@pytest.mark.slow
def test_random_damage(catalog: Catalog, tmp_path: Path) -> None:
    """What was done is found, unless it changed nothing that is said; STACASTER_TEST_CORRUPTIONS asks for more."""
    whole = content(catalog.root)
    rows = "select * exclude geometry from items order by id"
    truth = catalog.sql(rows).table
    for seed in range(SEEDS):
        root = tmp_path / str(seed)
        shutil.copytree(catalog.root, root)
        done = damage(root, random.Random(seed))
        found = stacaster.catalog.check_catalog(root)
        if not found:
            # A byte of the database or of parquet that holds nothing: what it says is the same.
            assert "flip" in done and done.endswith((".duckdb", ".parquet")), (seed, done)
            assert stacaster.open_catalog(root).sql(rows).table.equals(truth), (seed, done)
            continue
        stacaster.catalog.fix_catalog(root)
        assert stacaster.catalog.check_catalog(root, deep=True) == [], (seed, done)
        left = stacaster.open_catalog(root)
        assert len(left.search()) >= 6, (seed, done)
        if not any(problem.remedy == "quarantine" for problem in found):
            assert content(root) == whole, (seed, done)
        shutil.rmtree(root)


def test_what_is_no_catalog(tmp_path: Path, copy: Path) -> None:
    with pytest.raises(CatalogError, match="no catalog that stacaster made"):
        stacaster.catalog.check_catalog(tmp_path / "nowhere")
    for path in copy.rglob("*.tif"):
        path.unlink()
    with pytest.raises(CatalogError, match="ingest again"):
        stacaster.catalog.fix_catalog(copy)


def test_in_a_shell(copy: Path, repository: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "stacaster", "doctor", "--catalog", str(copy), *words]
        env = {**os.environ, "PYTHONPATH": str(repository)}
        return subprocess.run(line, capture_output=True, text=True, check=False, env=env)

    assert run().returncode == 0 and "all is well" in run().stderr
    (copy / "index.duckdb").unlink()
    listed = run("--json")
    assert listed.returncode == 7 and json.loads(listed.stdout)[0]["place"] == "index.duckdb"
    assert run("--fix").returncode == 0 and run("--deep").returncode == 0
    assert run("--login", "--fix").returncode == 2


def test_files_elsewhere_and_schemas(tmp_path: Path, shared: Path) -> None:
    store = CatalogStore(tmp_path / "c")
    with Answers({"/there.tif": 200, "/login.tif": 401, "/gone.tif": 404}) as address:
        item = made_item(1)
        for key, name in (("X1", "there"), ("X2", "login"), ("X3", "gone")):
            item["assets"][key] = {"href": f"{address}/{name}.tif?signature=secret", "roles": ["data"]}
        item["assets"]["X4"] = {"href": "http://127.0.0.1:9/x.tif"}
        with store.staging() as staging:
            commit_items(store, [stage(staging / "x", item | {"assets": dict(item["assets"])}, only=("B01", "B02"))])
        found = stacaster.catalog.check_catalog(store.root, network=True)
    assert [problem.text.split(" ")[0] for problem in found] == ["X3:", "X4:"] and "404" in found[0].text
    assert "secret" not in str(found)
    assert stacaster.catalog.check_catalog(store.root) == []
    wrong = made_item(2)
    wrong["properties"]["eo:cloud_cover"] = 140.5
    with store.staging() as staging:
        commit_items(store, [stage(staging / "x", wrong)])
    (problem,) = stacaster.catalog.check_catalog(store.root, deep=True, schemas=shared / "schemas")
    assert "eo: $.properties['eo:cloud_cover']" in problem.text or "cloud_cover" in problem.text
    assert stacaster.catalog.check_catalog(store.root, deep=True) == [], "the core alone does not know clouds"


def test_a_large_catalog_is_compared_some_items_at_a_time(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same findings and the same bytes, however few items are in memory."""
    from stacaster.catalog import inspection, item_inspection

    for seed in range(6):
        roots = [tmp_path / f"{seed}-{kind}" for kind in ("whole", "cut")]
        for root in roots:
            shutil.copytree(catalog.root, root)
            done = damage(root, random.Random(seed))
        whole = (stacaster.catalog.check_catalog(roots[0]), stacaster.catalog.fix_catalog(roots[0]))
        with monkeypatch.context() as small:
            small.setattr(item_inspection, "_AT_A_TIME", 2)
            small.setattr(inspection, "_AT_A_TIME", 3)
            assert (stacaster.catalog.check_catalog(roots[1]), stacaster.catalog.fix_catalog(roots[1])) == whole, done
            assert stacaster.catalog.check_catalog(roots[1]) == []
        assert content(roots[1]) == content(roots[0]), done


def test_rows_on_disk_leave_no_memory_behind(tmp_path: Path) -> None:
    import pyarrow as pa

    from stacaster.catalog.spool import Spool

    spool = Spool(tmp_path / "rows")
    spool.add([made_item(n) for n in range(100)])
    before = pa.total_allocated_bytes()
    for turn in range(5):
        spool.add([made_item(100 + 400 * turn + n) for n in range(400)])
    assert pa.total_allocated_bytes() - before < 50_000
    assert spool.rows == 2_100 and sum(table.num_rows for table in spool) == 2_100
    assert len({table.schema for table in spool}) == 1


def test_a_document_under_another_year(copy: Path, catalog: Catalog) -> None:
    """Row and database agree, so the document is written where it belongs, and the other folder is put aside."""
    path = min(copy.glob("*/*/*/*.json"))
    wrong = path.parents[2] / "1999" / path.stem
    wrong.mkdir(parents=True)
    document = json.loads(path.read_text())
    document["properties"]["datetime"] = "1999-01-01T00:00:00Z"
    path.unlink()
    (wrong / path.name).write_text(json.dumps(document))
    found = {problem.remedy: problem.place for problem in stacaster.catalog.check_catalog(copy)}
    assert found == {
        "rebuild": path.relative_to(copy).as_posix(),
        "quarantine": (wrong / path.name).relative_to(copy).as_posix(),
    }
    stacaster.catalog.fix_catalog(copy)
    assert content(copy) == content(catalog.root)


def test_the_collection_says_size_and_checksum_of_its_table(copy: Path) -> None:
    asset = json.loads((copy / "aster-l1t-003" / "collection.json").read_text())["assets"]["items"]
    data = (copy / "aster-l1t-003" / "items.parquet").read_bytes()
    assert (asset["file:size"], asset["file:checksum"]) == (len(data), "1220" + hashlib.sha256(data).hexdigest())


def test_progress_of_what_takes_long(catalog: Catalog, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(catalog.root, copy)
    names = {item.id for item in catalog.search().items()}
    for call in (
        lambda told: stacaster.catalog.check_catalog(copy, progress=told),
        lambda told: stacaster.catalog.fix_catalog(copy, progress=told),
        lambda told: stacaster.catalog.write_report(tmp_path / "x.html", catalog=copy, overwrite=True, progress=told),
    ):
        seen: list[tuple[int, int, str]] = []
        call(lambda *step, seen=seen: seen.append(step))
        assert [step[:2] for step in seen] == [(number, 8) for number in range(1, 9)]
        assert {step[2] for step in seen} == names
