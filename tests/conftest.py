"""Fixtures that every test module may use."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import stacaster
from stacaster.catalog import Catalog

if TYPE_CHECKING:
    from tests.earthdata_twin.server import Twin

Mount = Callable[..., None]
Signature = Callable[[Path], dict[str, str]]
REPOSITORY = Path(__file__).resolve().parents[1]

# A stray setting of the person who runs the tests must not change their result.
for _name in [name for name in os.environ if name.startswith("STACASTER_") and not name.startswith("STACASTER_TEST")]:
    del os.environ[_name]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Jobs that a shell started with "&" ignore Ctrl-C, and so would the programs that are interrupted here.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full-size", action="store_true", help="also run the tests that make a 133 MB granule")
    parser.addoption("--quick", action="store_true", help="only the tests of tests/quick.txt: some of every room")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--quick"):
        quick = set((REPOSITORY / "tests/quick.txt").read_text(encoding="utf-8").split())
        left_out = [item for item in items if item.nodeid.partition("[")[0] not in quick]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item.nodeid.partition("[")[0] in quick]
    if config.getoption("--full-size"):
        return
    skip = pytest.mark.skip(reason="makes a 133 MB granule: run with --full-size")
    for item in items:
        if "full_size" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def repository() -> Path:
    """Folder of the project."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of real test data beside the repository; the test is skipped where there is none."""
    folder = REPOSITORY.parent / "shared"
    if not folder.is_dir():
        pytest.skip("no ../shared beside the repository: the tests on real files need it")
    return folder


@pytest.fixture
def mount() -> Iterator[Mount]:
    """Mount a file system for the time of a test; the test is skipped where that is not allowed."""
    mounted: list[Path] = []

    def run(*words: str, at: Path) -> None:
        program = shutil.which("mount")
        if program is None:
            pytest.skip("there is no mount here")
        done = subprocess.run([program, *words, str(at)], capture_output=True, check=False)
        if done.returncode:
            pytest.skip("may not mount a file system here")
        if at not in mounted:
            mounted.append(at)

    yield run
    for place in reversed(mounted):
        subprocess.run(["umount", str(place)], check=True)


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """Address of a real S3 server."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    """The twin of the services, for all tests of a process; ``twin`` cleans it for one."""
    from tests.earthdata_twin.server import Twin

    with Twin(tmp_path_factory.mktemp("twin")) as running:
        yield running


@pytest.fixture
def twin(servers: Twin, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Twin:
    """The twin without routes, an environment that leads to it, an empty home, and retries that do not wait."""
    for name, value in servers.environment.items():
        monkeypatch.setenv(name, value)
    for name in ("NETRC", "EARTHDATA_TOKEN", "CDSE_TOKEN", "CDSE_USERNAME", "CDSE_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr("stacaster.network.http.random.uniform", lambda low, high: 0.01)
    servers.log.clear()
    servers.routes.clear()
    servers.released.clear()
    return servers


@pytest.fixture(scope="session")
def granules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the default set of simulated granules; read only."""
    folder = tmp_path_factory.mktemp("granules")
    stacaster.sample_data(folder)
    return folder


@pytest.fixture(scope="session")
def catalog(granules: Path, tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """Catalog of the default set; read only."""
    root = tmp_path_factory.mktemp("session") / "catalog"
    report = stacaster.ingest([granules], catalog=root)
    assert not report.failed, report.failed
    return stacaster.open_catalog(root)


@pytest.fixture(scope="session")
def signature() -> Signature:
    """Return path and hash of every file of a catalog; the database holds a random id and is compared by content."""

    def of(root: Path) -> dict[str, str]:
        files = sorted(path for path in root.rglob("*") if path.is_file() and path.name != "index.duckdb")
        return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    return of
