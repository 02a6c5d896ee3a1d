"""A commit that is killed at any moment: readers see whole items, and the same command again heals everything."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stacaster.catalog.store import CatalogStore

SEED = 20030117
SYSCALLS = ("rename", "renameat2", "fsync", "unlink", "unlinkat", "rmdir", "mkdir")

# The command under test. Every run makes all steps, so that the end is the same whatever an earlier run has done.
COMMAND = """
import hashlib, json, sys
from pathlib import Path
from stacaster.catalog.store import CatalogStore


def put_item(transaction, name, version, year="2003"):
    folder = transaction.folder / name
    folder.mkdir()
    files = {f"B{band:02d}.tif": f"{name} {version} {band}".encode() * 500 for band in range(3 + version)}
    for file, content in files.items():
        (folder / file).write_bytes(content)
    hashes = {file: hashlib.sha256(content).hexdigest() for file, content in files.items()}
    (folder / f"{name}.json").write_text(json.dumps({"version": version, "files": hashes}))
    transaction.put_directory(folder, f"c/{year}/{name}")


def link(transaction, items):
    table = transaction.folder / "table"
    table.write_bytes(json.dumps(items).encode() * 50)
    transaction.put_file(table, "c/items.parquet")
    for year in sorted({item.split("/")[0] for item in items}):
        names = sorted(item.split("/")[1] for item in items if item.startswith(year))
        transaction.put_file(json.dumps(names).encode(), f"c/{year}/catalog.json")
    transaction.put_file(json.dumps(sorted({item.split("/")[0] for item in items})).encode(), "c/collection.json")
    transaction.put_file(b"root", "catalog.json")


def main(root):
    store = CatalogStore(root)
    store.prepare()
    with store.transaction() as transaction:
        put_item(transaction, "a", 1)
        link(transaction, ["2003/a"])
    with store.transaction() as transaction:
        put_item(transaction, "b", 1)
        put_item(transaction, "d", 1, year="2004")
        link(transaction, ["2003/a", "2003/b", "2004/d"])
    with store.transaction() as transaction:
        put_item(transaction, "a", 2)
        link(transaction, ["2003/a", "2003/b"])
        transaction.remove("c/2004/d")
        transaction.remove("c/2004/catalog.json")
    with store.transaction() as transaction:
        put_item(transaction, "e", 1)
        link(transaction, ["2003/a", "2003/e"])
        transaction.remove("c/2003/b")


if __name__ == "__main__":
    print("start", flush=True)
    main(Path(sys.argv[1]))
"""


def tree(root: Path) -> dict[str, str]:
    """Return everything, with the private folder: nothing may be left there."""
    return {
        path.relative_to(root).as_posix(): "folder" if path.is_dir() else hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
    }


def check_reader(root: Path) -> int:
    """Follow the links as a reader does and check that every linked item is whole; return the number of items."""
    if not (root / "catalog.json").exists():
        return 0
    count = 0
    for year in json.loads((root / "c/collection.json").read_text()):
        for name in json.loads((root / "c" / year / "catalog.json").read_text()):
            folder = root / "c" / year / name
            document = json.loads((folder / f"{name}.json").read_text())
            assert {path.name for path in folder.glob("*.tif")} == set(document["files"])
            for file, digest in document["files"].items():
                assert hashlib.sha256((folder / file).read_bytes()).hexdigest() == digest
            count += 1
    return count


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("command") / "command.py"
    path.write_text(COMMAND)
    return path


@pytest.fixture(scope="module")
def run_again(script: Path) -> Callable[[Path], None]:
    """Return the same command as a function of this process: starting Python for each rerun takes too long."""
    spec = importlib.util.spec_from_file_location("command", script)
    assert spec is not None and spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    run: Callable[[Path], None] = module.main
    return run


@pytest.fixture(scope="module")
def undisturbed(run_again: Callable[[Path], None], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("undisturbed") / "catalog"
    run_again(root)
    assert check_reader(root) == 2
    run_again(root)
    assert check_reader(root) == 2
    found = tree(root)
    assert {name for name in found if name.startswith(".stacaster/")} == {".stacaster/lock", ".stacaster/staging"}
    return found


def heal(root: Path, run_again: Callable[[Path], None]) -> None:
    """Recover, look as a reader and for leftovers, then run the same command again."""
    check_reader(root)
    if root.exists():
        CatalogStore(root).recover()
        check_reader(root)
        assert {path.name for path in (root / ".stacaster").rglob("*")} <= {"lock", "staging"}
    run_again(root)


def environment() -> dict[str, str]:
    repository = Path(__file__).resolve().parents[2]
    return os.environ | {"PYTHONPATH": str(repository), "PYTHONDONTWRITEBYTECODE": "1"}


def test_kill_at_random_moments(
    script: Path, run_again: Callable[[Path], None], undisturbed: dict[str, str], tmp_path: Path
) -> None:
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    interrupted = partial = 0
    for number in range(40):
        root = tmp_path / str(number)
        command = [sys.executable, str(script), str(root)]
        with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(chance.uniform(0.0, 0.05))
            process.kill()
            process.wait()
        interrupted += (root / ".stacaster/journal.json").exists()
        partial += root.exists() and tree(root) != undisturbed
        heal(root, run_again)
        assert tree(root) == undisturbed, f"kill {number}"
        shutil.rmtree(root)
    print(f"{partial} of 40 killed before the end, {interrupted} within a commit")
    assert partial > 5


def usable_strace() -> str:
    """Return the program, or skip the test where it cannot work."""
    found = shutil.which("strace")
    if found is None:
        pytest.skip("strace is not installed")
    probe = subprocess.run([found, "-qq", "-o", "/dev/null", "true"], capture_output=True, check=False)
    if probe.returncode != 0:
        pytest.skip(f"ptrace is not allowed here: {probe.stderr.decode()[:80]}")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("syscall", SYSCALLS)
def test_kill_at_every_system_call(
    syscall: str, script: Path, run_again: Callable[[Path], None], undisturbed: dict[str, str], tmp_path: Path
) -> None:
    strace = usable_strace()
    log = tmp_path / "log"
    command = [sys.executable, str(script)]
    # Without --seccomp-bpf: with it strace 6.1 does not deliver injected signals.
    trace = [strace, "-qq", "-f", "-e", f"trace={syscall}", "-o"]
    subprocess.run(
        [*trace, str(log), *command, str(tmp_path / "x")], env=environment(), check=True, capture_output=True
    )
    calls = len(re.findall(rf"^\d+ +{syscall}\(", log.read_text(), re.MULTILINE))
    if syscall == "rename":
        assert calls > 20
    for number in range(1, calls + 1):
        root = tmp_path / str(number)
        inject = ["-e", f"inject={syscall}:signal=KILL:when={number}"]
        killed = subprocess.run(
            [*trace, "/dev/null", *inject, *command, str(root)], env=environment(), capture_output=True, check=False
        )
        assert killed.returncode != 0, f"{syscall} {number} was not reached"
        heal(root, run_again)
        assert tree(root) == undisturbed, f"{syscall} {number} of {calls}"
        shutil.rmtree(root)
