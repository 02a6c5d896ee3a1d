"""Files of a catalog on disk: names, transactions, staging, several processes."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stacaster.catalog.store import CatalogStore
from stacaster.errors import CatalogError, StacasterError
from stacaster.files.names import item_folder, safe_id
from stacaster.files.system.locks import file_lock

# Puts items in its own process: ROOT WRITER COUNT. Item files state the length of their content in the JSON.
WRITER = """
import json, sys
from pathlib import Path
from stacaster.catalog.store import CatalogStore

root, writer, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
store = CatalogStore(root)
for number in range(count):
    with store.transaction() as transaction:
        for name, size in ((f"w{writer}-{number}", 100), ("shared", 1 + 50 * writer + number)):
            folder = transaction.folder / name
            folder.mkdir()
            (folder / "a.tif").write_bytes(b"x" * size)
            (folder / "item.json").write_text(json.dumps({"size": size}))
            transaction.put_directory(folder, f"c/2003/{name}")
        path = root / "c" / "index.json"
        known = json.loads(path.read_text()) if path.exists() else []
        transaction.put_file(json.dumps(sorted([*known, f"w{writer}-{number}"])).encode(), "c/index.json")
"""


def tree(root: Path) -> dict[str, str]:
    """Return what a reader sees: hash of every file and the name of every folder outside the private one."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if not name.startswith(".stacaster"):
            found[name] = "folder" if path.is_dir() else hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def private(root: Path) -> list[str]:
    """Return what is left beside the catalog; the file that is locked may stay."""
    names = sorted(path.relative_to(root).as_posix() for path in (root / ".stacaster").rglob("*"))
    return [name for name in names if name != ".stacaster/lock"]


def with_package() -> dict[str, str]:
    """Return the environment of a process that finds the package, and what this one finds besides."""
    folders = [str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, folders))}


def put_item(store: CatalogStore, name: str, content: bytes) -> None:
    with store.transaction() as transaction:
        folder = transaction.folder / name
        folder.mkdir()
        (folder / "a.tif").write_bytes(content)
        (folder / f"{name}.json").write_text(json.dumps({"hash": hashlib.sha256(content).hexdigest()}))
        transaction.put_directory(folder, f"c/2003/{name}")


@pytest.fixture
def store(tmp_path: Path) -> CatalogStore:
    return CatalogStore(tmp_path / "catalog")


# Names.


@pytest.mark.parametrize("name", ["AST_L1T_00301172003050123_20150429_1", "MOD10A2.A2001.h10v04.005", "a", "A" * 120])
def test_safe_names_stay(name: str) -> None:
    assert safe_id(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "-x", ".x", "x.", "CON", "nul.tif", "a:b", "a/b", "A" * 121, "é", "\0"]
)
def test_unsafe_names_change(name: str) -> None:
    assert safe_id(name) != name


_HOSTILE = st.one_of(
    st.text(max_size=300),
    st.text(alphabet="./\\-_aA:\0\n", max_size=12),
    st.sampled_from(
        ["../../etc/passwd", "/etc/passwd", "con", "LPT1.txt", "..\\x", "\u202egpj.exe", "a" * 5000, "\ud800"]
    ),
)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(names=st.lists(_HOSTILE, min_size=2, max_size=4, unique=True))
def test_hostile_names_stay_inside_and_apart(names: list[str]) -> None:
    store = CatalogStore(Path("/nowhere/catalog"))
    safe = [safe_id(name) for name in names]
    assert len(set(safe)) == len(names)
    for name in safe:
        assert 1 <= len(name) <= 120
        assert set(name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
        assert name[0] not in ".-"
        assert store.resolve(f"c/2003/{name}").parent == store.root / "c/2003"


def test_a_name_cannot_imitate_a_changed_one() -> None:
    changed = safe_id("a:b")
    assert safe_id(changed) != changed


@settings(max_examples=400, deadline=None, derandomize=True)
@given(target=_HOSTILE)
def test_resolve_never_leaves_the_root(target: str) -> None:
    store = CatalogStore(Path("/nowhere/catalog"))
    try:
        path = store.resolve(target)
    except (CatalogError, OSError):  # OSError: see test_resolve_refuses_an_overlong_name
        return
    assert Path(os.path.normpath(path)).is_relative_to(store.root)
    assert path != store.root
    assert ".stacaster" not in path.relative_to(store.root).parts


@pytest.mark.parametrize("target", ["", "/etc/x", "..", "a/../b", "a\0b", "a\\b", ".stacaster/x", "c/.stacaster/x"])
def test_resolve_refuses(store: CatalogStore, target: str) -> None:
    with pytest.raises(CatalogError):
        store.resolve(target)


def test_resolve_refuses_an_overlong_name(store: CatalogStore) -> None:
    store.prepare()
    with pytest.raises(CatalogError):
        store.resolve("x" * 300)


def test_resolve_refuses_symbolic_links(store: CatalogStore, tmp_path: Path) -> None:
    store.prepare()
    (tmp_path / "outside").mkdir()
    (store.root / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(CatalogError):
        store.resolve("link/file")
    with pytest.raises(CatalogError), store.transaction() as transaction:
        transaction.put_file(b"x", "link/file")
    assert list((tmp_path / "outside").iterdir()) == []


def test_item_folder_is_that_of_the_year_in_utc() -> None:
    import datetime as dt

    moment = dt.datetime(2003, 12, 31, 23, 0, tzinfo=dt.timezone(dt.timedelta(hours=-2)))
    assert item_folder("c", moment, "i") == "c/2004/i"


# Transactions.


def test_commit_puts_replaces_and_removes(store: CatalogStore) -> None:
    put_item(store, "a", b"1")
    put_item(store, "b", b"1")
    put_item(store, "a", b"2")
    assert (store.root / "c/2003/a/a.tif").read_bytes() == b"2"
    with store.transaction() as transaction:
        transaction.remove("c/2003/a")
        transaction.remove("c/2003/b")
        transaction.put_file(b"text", "d/file.txt")
    assert set(tree(store.root)) == {"d", "d/file.txt"}
    assert private(store.root) == [".stacaster/staging"]


def test_exception_leaves_the_catalog_as_it_was(store: CatalogStore) -> None:
    put_item(store, "a", b"1")
    before = tree(store.root)
    with pytest.raises(ZeroDivisionError), store.transaction() as transaction:
        transaction.put_file(b"new", "file")
        transaction.remove("c/2003/a")
        raise ZeroDivisionError
    assert tree(store.root) == before
    assert private(store.root) == [".stacaster/staging"]


def test_equal_bytes_are_not_written_again(store: CatalogStore) -> None:
    for _ in range(2):
        with store.transaction() as transaction:
            transaction.put_file(b"same", "c/file")
        first = (store.root / "c/file").stat().st_ino
    assert (store.root / "c/file").stat().st_ino == first
    with store.transaction() as transaction:
        transaction.put_file(b"same", "c/file")
    assert (store.root / "c/file").stat().st_ino == first


def test_folder_without_json_is_put(store: CatalogStore) -> None:
    with store.transaction() as transaction:
        (transaction.folder / "x").mkdir()
        (transaction.folder / "x" / "a.tif").write_bytes(b"1")
        transaction.put_directory(transaction.folder / "x", "c/x")
    assert (store.root / "c/x/a.tif").read_bytes() == b"1"


def test_folder_with_equal_json_and_other_pixels_is_replaced(store: CatalogStore) -> None:
    for content in (b"1", b"2"):
        with store.transaction() as transaction:
            (transaction.folder / "x").mkdir()
            (transaction.folder / "x" / "a.tif").write_bytes(content)
            (transaction.folder / "x" / "x.json").write_bytes(b"{}")
            transaction.put_directory(transaction.folder / "x", "c/x")
    assert (store.root / "c/x/a.tif").read_bytes() == b"2"


def test_folder_with_a_symbolic_link_is_refused(store: CatalogStore) -> None:
    with pytest.raises(StacasterError), store.transaction() as transaction:
        (transaction.folder / "x").mkdir()
        (transaction.folder / "x" / "x.json").write_bytes(b"{}")
        (transaction.folder / "x" / "link").symlink_to("/etc/hostname")
        transaction.put_directory(transaction.folder / "x", "c/x")


def test_other_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "catalog.json").write_text("{}")
    for folder in (tmp_path, tmp_path / "catalog.json"):
        with pytest.raises(CatalogError), CatalogStore(folder).transaction():
            pass
    (tmp_path / "catalog.json").rename(tmp_path / "other")
    with pytest.raises(CatalogError), CatalogStore(tmp_path).transaction():
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_looking_creates_nothing(store: CatalogStore) -> None:
    assert not store.is_interrupted()
    store.resolve("c/2003/a")
    assert not store.root.exists()


def test_lock_wait_is_bounded(store: CatalogStore) -> None:
    store.prepare()
    with file_lock(store.root / ".stacaster" / "lock", 1.0):
        start = time.monotonic()
        with pytest.raises(CatalogError, match="another process"), store.transaction(timeout_s=0.2):
            pass
        assert time.monotonic() - start < 5


# Recovery.


def test_hostile_journal_takes_nothing_from_outside(store: CatalogStore, tmp_path: Path) -> None:
    store.prepare()
    (tmp_path / "secret").write_text("s")
    operation = {"kind": "file", "staged": str(tmp_path / "secret"), "target": "stolen"}
    (store.root / ".stacaster" / "journal.json").write_text(json.dumps({"operations": [operation]}))
    with pytest.raises(CatalogError):
        store.recover()
    assert (tmp_path / "secret").exists()


@pytest.mark.parametrize("target", ["../x", "/tmp/x", ".stacaster/lock", "a\\b"])
def test_hostile_journal_writes_nothing_outside(store: CatalogStore, target: str) -> None:
    store.prepare()
    operation = {"kind": "file", "staged": "x/f0", "target": target}
    (store.root / ".stacaster" / "journal.json").write_text(json.dumps({"operations": [operation]}))
    with pytest.raises(CatalogError):
        store.recover()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"operations": 5}', '{"operations": [{"kind": "file", "target": 5}]}']
)
@pytest.mark.filterwarnings("error")
def test_damaged_journal_is_an_error_of_the_catalog(store: CatalogStore, text: str) -> None:
    store.prepare()
    (store.root / ".stacaster" / "journal.json").write_text(text)
    with pytest.raises(CatalogError):
        store.recover()


def test_staging_of_the_living_stays_and_of_the_dead_goes(store: CatalogStore) -> None:
    script = (
        "import os, sys; from pathlib import Path; from stacaster.catalog.store import CatalogStore\n"
        "with CatalogStore(Path(sys.argv[1])).staging() as folder:\n"
        "    (folder / 'big').write_bytes(b'x'); print(folder, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(store.root)]
    environment = with_package()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        store.recover()
        assert (folder / "big").exists()
        process.kill()
        process.wait()
    store.recover()
    assert not folder.exists()
    assert private(store.root) == [".stacaster/staging"]


# Several processes.


def test_eight_processes_lose_nothing_and_readers_miss_nothing(store: CatalogStore) -> None:
    environment = with_package()
    commands = [[sys.executable, "-c", WRITER, str(store.root), str(n), "25"] for n in range(8)]
    processes = [subprocess.Popen(command, env=environment) for command in commands]
    reads, problems = 0, []
    while any(process.poll() is None for process in processes):
        try:
            listed = json.loads((store.root / "c/index.json").read_text())
        except FileNotFoundError:
            continue
        for name in [*listed[-20:], "shared"]:
            folder = store.root / "c/2003" / name
            for file in ("item.json", "a.tif"):
                reads += 1
                if not (folder / file).exists():
                    problems.append(f"{name}/{file}")
            if name != "shared" and (folder / "a.tif").stat().st_size != 100:
                problems.append(name)
    assert [process.wait() for process in processes] == [0] * 8
    assert problems == []
    assert reads > 1000
    expected = sorted(f"w{writer}-{number}" for writer in range(8) for number in range(25))
    assert json.loads((store.root / "c/index.json").read_text()) == expected
    for name in [*expected, "shared"]:
        document = json.loads((store.root / "c/2003" / name / "item.json").read_text())
        assert (store.root / "c/2003" / name / "a.tif").stat().st_size == document["size"]
    assert private(store.root) == [".stacaster/staging"]
