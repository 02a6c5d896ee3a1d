"""Program of a test: one command that changes something, killed again and again, repeated, and compared.

Arguments: name of the scenario, folder, and how many of the calls are killed (0 is all). Every trial is a fork, so that
the packages are imported once. A trial works on a copy of the same start under the same path.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_HEAVY = ("stacaster.cli", "stacaster.ingest", "stacaster.export", "stacaster.tiles", "stacaster.catalog.publish",
          "stacaster.catalog.archive", "stacaster.catalog.item_import", "stacaster.catalog.check", "rasterio",
          "xarray", "odc.stac", "geopandas", "duckdb", "pyarrow.parquet")  # fmt: skip
_CUBE = ["--bands", "B13", "--crs", "EPSG:32754", "--resolution", "90", "--catalog", "c"]
_INGEST = ["ingest", "g", "--catalog", "c", "--workers", "1", "--subsystem", "TIR"]
_TILES = ["tiles", "plan", "-o", "t", "--catalog", "c", "--bands", "B13", "--composite", "median", "--grid",
          "EPSG:32754", "--tile-size", "36000", "--resolution", "90"]  # fmt: skip

SCENARIOS: dict[str, tuple[list[list[str]], list[str]]] = {
    "ingest": ([], _INGEST),
    "add bands": ([_INGEST], [*_INGEST[:-1], "VNIR"]),
    "update": ([_INGEST], ["update", "g", "--catalog", "c", "--workers", "1", "--subsystem", "TIR",
                           "--profile", "deflate"]),
    "remove": ([_INGEST], ["remove", "--datetime", "2001", "--catalog", "c"]),
    "import": ([_INGEST, ["items", "-o", "i.json", "--catalog", "c"]], ["import", "i.json", "--catalog", "d"]),
    "archive": ([_INGEST], ["archive", "-o", "a.tar", "--datetime", "2001", "--remove", "--catalog", "c"]),
    "publish": ([_INGEST], ["publish", "p", "--catalog", "c"]),
    "doctor": ([_INGEST, ["<damage>"]], ["doctor", "--fix", "--catalog", "c"]),
    "export": ([_INGEST], ["export", "-o", "r", *_CUBE]),
    "export file": ([_INGEST], ["export", "-o", "r.nc", "--overwrite", *_CUBE]),
    "tiles run": ([_INGEST, _TILES], ["tiles", "run", "t"]),
    "tiles collect": ([_INGEST, _TILES, ["tiles", "run", "t"]], ["tiles", "collect", "t"]),
}  # fmt: skip
"""What is done before, and the command."""

# Nothing may be left to do, or less than before.
_FINE = (0, 3)


def run(words: Sequence[str], *, kill_at: int | None = None, after_s: float | None = None) -> tuple[int, int]:
    """Run a command in a fork; return its exit code and how often it renamed or synced (-1 where it was killed)."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        _child(words, kill_at, writing)
    os.close(writing)
    if after_s is not None:
        time.sleep(after_s)
        os.kill(child, signal.SIGKILL)
    with os.fdopen(reading, "rb") as stream:
        text = stream.read()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), int(text or b"-1")


def _child(words: Sequence[str], kill_at: int | None, writing: int) -> None:
    code, calls = 1, 0
    log = os.open("../log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)

    def counted(function: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **options)

        return call

    system: Any = os
    for name in ("replace", "rename", "fsync", "unlink"):
        setattr(system, name, counted(getattr(os, name)))
    try:
        if words == ["<damage>"]:
            next(Path("c").glob("*/items.parquet")).write_bytes(b"x")
            code = 0
        else:
            importlib.import_module("stacaster.cli").main(list(words))
    except SystemExit as error:
        code = int(error.code or 0)
    finally:
        os.write(writing, str(calls).encode())
        os._exit(code)


def content(root: Path) -> dict[str, str]:
    """Return a hash of every file; of a database or a ledger only that it is there."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if not path.is_file() or path.name in ("lock", "ledger.sqlite-wal", "ledger.sqlite-shm"):
            continue
        data = path.read_bytes()
        if path.suffix == ".json":
            data = json.dumps(json.loads(data), sort_keys=True).encode()
        if path.suffix == ".nc":
            data = _values(path)  # threads write the chunks of HDF5 in any order
        if path.suffix == ".tar":
            data = _members(path)  # its database has an id of its own, its members times
        if path.suffix == ".gpkg":
            data = _features(path)  # the file holds the time at which it was written
        opaque = path.suffix in (".duckdb", ".sqlite") or ".stacaster" in path.parts
        found[name] = "" if opaque else hashlib.sha256(data).hexdigest()
    return found


def _values(path: Path) -> bytes:
    import h5py

    parts: list[bytes] = []
    with h5py.File(path) as file:
        file.visititems(
            lambda name, node: parts.append(name.encode() + (node[()].tobytes() if getattr(node, "shape", ()) else b""))
        )
    return b"".join(parts)


def _features(path: Path) -> bytes:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(path)) as database:
        names = [name for (name,) in database.execute("select table_name from gpkg_contents order by 1")]
        return repr([database.execute(f'select * from "{name}"').fetchall() for name in names]).encode()


def _members(path: Path) -> bytes:
    import tarfile

    parts: list[str] = []
    with tarfile.open(path) as archive:
        for member in sorted(archive.getmembers(), key=lambda entry: entry.name):
            stream = archive.extractfile(member) if member.isfile() else None
            is_plain = stream is not None and not member.name.endswith(".duckdb")
            digest = hashlib.sha256(stream.read()).hexdigest() if stream is not None and is_plain else ""
            parts.append(f"{member.name} {digest}")
    return "\n".join(parts).encode()


def rows(root: Path) -> list[str]:
    """Return what SQL says about every catalog of a folder."""
    import stacaster

    names = sorted(str(path.parent) for path in root.rglob("index.duckdb") if ".stacaster" not in path.parts)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        with os.fdopen(writing, "w") as stream:
            for name in names:
                table = stacaster.open_catalog(name).sql("select * exclude geometry from items order by id").table
                stream.write(f"{table.to_pylist()}\n")
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        lines = stream.read().splitlines()
    os.waitpid(child, 0)
    return lines


class Trials:
    """The start of a scenario, and copies of it that are killed."""

    def __init__(self, name: str, folder: Path) -> None:
        before, self.command = SCENARIOS[name]
        self._base, self._work = folder / "base", folder / "work"
        self._work.mkdir()
        os.chdir(self._work)
        import stacaster

        # Two small granules: some seconds for each scenario.
        made = folder / "made"
        pid = os.fork()
        if not pid:
            stacaster.sample_data(made)
            os._exit(0)
        os.waitpid(pid, 0)
        (self._work / "g").mkdir()
        for path in sorted(made.glob("*.hdf"))[1:3]:
            shutil.copy2(path, self._work / "g")
        for words in before:
            code, _ = run(words)
            assert code in _FINE, f"{words} ended with {code}: {(folder / 'log').read_text()[-1500:]}"
        shutil.copytree(self._work, self._base)

    def fresh(self) -> None:
        """Begin anew, under the same path."""
        os.chdir("/")
        shutil.rmtree(self._work)
        shutil.copytree(self._base, self._work)
        os.chdir(self._work)

    def state(self) -> tuple[dict[str, str], list[str]]:
        """Return everything that counts."""
        return content(self._work), rows(self._work)


def main(name: str, folder: Path, share: int) -> None:
    for module in _HEAVY:
        importlib.import_module(module)
    trials = Trials(name, folder)
    before = trials.state()
    started = time.monotonic()
    code, calls = run(trials.command)
    seconds = time.monotonic() - started
    assert code in _FINE, f"ended with {code}: {(folder / 'log').read_text()[-1500:]}"
    truth, chance, wrong = trials.state(), random.Random(name), []
    assert truth != before, "the command changed nothing"
    places: list[dict[str, Any]] = [{"kill_at": number} for number in range(1, calls + 1)]
    chosen = places if not share else [places[(2 * n + 1) * len(places) // (2 * share)] for n in range(share) if places]
    moments = [{"after_s": chance.uniform(0, seconds)} for _ in range(share or 50)]
    for how in (*chosen, *moments):
        trials.fresh()
        killed, _ = run(trials.command, **how)
        code, _ = run(trials.command)
        after = trials.state()
        if code not in _FINE or after != truth:
            names = sorted(set(after[0].items()) ^ set(truth[0].items()))[:6]
            wrong.append({**how, "killed": killed, "code": code, "differs": names, "rows": after[1] == truth[1]})
    print(json.dumps({"calls": calls, "trials": len(chosen) + len(moments), "wrong": wrong}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
