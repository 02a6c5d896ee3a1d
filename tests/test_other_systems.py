"""What a system without POSIX modules can do: open, search, load, ingest and write give the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from stacaster.catalog import Catalog
from stacaster.files import portable

CALLS = """
import json, os, sys
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None
for name in ("preadv", "pread", "O_DIRECTORY", "O_CLOEXEC", "statvfs"):
    if hasattr(os, name):
        delattr(os, name)
import stacaster
catalog, granule, folder = sys.argv[1:]
opened = stacaster.open_catalog(catalog)
cube = opened.load(bands="B10", native=True, datetime="2003")
stacaster.write_cube(cube, f"{folder}/x.nc")
report = stacaster.ingest([granule], catalog=f"{folder}/new", workers=1)
print(json.dumps([len(opened.search()), len(report.ingested), len(stacaster.catalog.check_catalog(f"{folder}/new"))]))
"""


def test_without_posix(catalog: Catalog, granules: Path, repository: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-W", "ignore", "-c", CALLS, str(catalog.root), str(next(granules.glob("*.hdf"))), str(tmp_path)]  # fmt: skip  # noqa: E501
    done = subprocess.run(words, env={**os.environ, "PYTHONPATH": str(repository)}, capture_output=True, text=True, check=False)  # fmt: skip  # noqa: E501
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [8, 1, 0]
    expected = catalog.load(bands="B10", native=True, datetime="2003")
    with xr.open_dataset(tmp_path / "x.nc", mask_and_scale=False) as cube:
        assert np.array_equal(cube["B10"].values, expected["B10"].values)


def test_reading_at_a_position(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x").write_bytes(bytes(range(100)))
    handle = os.open(tmp_path / "x", portable.READ_FLAGS)
    for gone in ((), ("pread", "preadv")):
        for name in gone:
            monkeypatch.delattr(os, name)
        target = bytearray(10)
        assert portable.read_into(handle, target, 50) == 10 and target == bytes(range(50, 60))
        assert portable.read_at(handle, 20, 90) == bytes(range(90, 100))
        assert portable.read_into(handle, memoryview(target), 95) == 5
    os.close(handle)


def test_a_locked_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "x").open("w") as first, (tmp_path / "x").open("w") as second:
        portable.lock_file(first)
        with pytest.raises(OSError, match=r"."):
            portable.lock_file(second, wait=False)
        monkeypatch.setattr(portable, "fcntl", None)
        with pytest.raises(OSError, match="no locks"):
            portable.lock_file(second, wait=False)
