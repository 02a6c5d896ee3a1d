"""Orbit files: the right one, from three places, with every fault, cached and checked."""

from __future__ import annotations

import datetime as dt
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import stacaster
from stacaster.access.fetch import TransferRules
from stacaster.errors import IntegrityError, UsageError
from stacaster.formats.metadata.eof import parse_name, parse_vectors
from stacaster.model import Granule
from stacaster.network.http import RetryPolicy
from tests.access.fetch.test_fault_matrix import BODY, FAULTS, PASSING
from tests.earthdata_twin.earthdata import Earthdata
from tests.earthdata_twin.radar import (
    CDSE_PASSWORD,
    CDSE_USER,
    DOWNLOAD,
    IDENTITY,
    ORBIT_BUCKET,
    QC_HOST,
    BucketAt,
    Copernicus,
    QualityControl,
    orbit_file,
)
from tests.earthdata_twin.server import Answer, Twin
from tests.sar.conftest import SCENES

SCENE = SCENES[0]
QUICK: dict[str, Any] = {"policy": RetryPolicy(attempts=3, budget_s=30),
         "rules": TransferRules(attempts=3, connect_s=5, read_s=0.5, slow_s=1, budget_s=30)}  # fmt: skip


def granule(scene: Any = SCENE, **changes: Any) -> Granule:
    made = Granule(id=scene.name(), source="asf", product="SENTINEL-1A_SLC", version="1", collection="C", geometry=None,
                   start=scene.start, end=scene.end, files=())  # fmt: skip
    return replace(made, **changes)


@pytest.fixture(scope="module")
def precise() -> tuple[str, bytes]:
    return orbit_file(SCENE, step=60.0)


@pytest.fixture(scope="module")
def restituted() -> tuple[str, bytes]:
    return orbit_file(SCENE, "RESORB", step=30.0)


@pytest.fixture(scope="module")
def store(moto: str) -> Iterator[str]:
    yield moto


@pytest.fixture
def aws(twin: Twin, store: str, request: pytest.FixtureRequest) -> BucketAt:
    name = "b" + "".join(c for c in request.node.name.lower() if c.isalnum())[-50:]
    return BucketAt(twin, ORBIT_BUCKET, store, name)


def put(bucket: BucketAt, named: tuple[str, bytes]) -> str:
    bucket.put(f"AUX_{named[0][13:19]}/{named[0]}", named[1])
    return named[0]


def one(tmp_path: Path, *granules: Granule, **options: Any) -> Any:
    found = stacaster.sar.fetch_orbits(
        granules or [granule()], tmp_path / "orbits", **{"locations": ["aws"], **QUICK, **options}
    )
    return found[0]


def test_precise_goes_before_restituted_and_the_newest_wins(aws: BucketAt, tmp_path: Path) -> None:
    old, new = (orbit_file(SCENE, created=SCENE.start + dt.timedelta(days=days), step=60.0) for days in (21, 700))
    for named in (new, old, orbit_file(SCENE, "RESORB", step=60.0), orbit_file(SCENE, shift=24, step=60.0),
                  orbit_file(SCENE, unit="B", created=SCENE.start + dt.timedelta(days=800), step=60.0)):  # fmt: skip
        put(aws, named)
    found = one(tmp_path)
    assert (found.path.name, found.kind, found.place, found.reason) == (new[0], "POEORB", "aws", None)
    assert found.path.read_bytes() == new[1]


def test_margin_decides(aws: BucketAt, restituted: tuple[str, bytes], tmp_path: Path) -> None:
    """A file that ends thirty seconds after the scene covers it, but not with a minute to spare."""
    stop = parse_name(restituted[0]).stop  # type: ignore[union-attr]
    put(aws, restituted)
    late = granule(start=stop - dt.timedelta(seconds=35), end=stop - dt.timedelta(seconds=30))
    assert one(tmp_path, late, margin_before_s=20, margin_after_s=20).kind == "RESORB"
    none = one(tmp_path, late)
    assert none.path is None and none.error == "NothingFoundError"
    minute = dt.timedelta(seconds=60)
    span = f"{late.start - minute:%Y-%m-%dT%H:%M:%S} to {late.end + minute:%Y-%m-%dT%H:%M:%S}"
    assert span in none.reason and "POEORB or RESORB of S1A" in none.reason and "aws" in none.reason
    for wrong in (-1.0, 90_000.0):
        with pytest.raises(UsageError, match="margin_after_s"):
            stacaster.sar.fetch_orbits([late], margin_after_s=wrong)
        with pytest.raises(UsageError, match="margin_before_s"):
            stacaster.sar.fetch_orbits([late], margin_before_s=wrong)
    with pytest.raises(UsageError, match=r"locations holds 'azure'; nearest are"):
        stacaster.sar.fetch_orbits([late], locations=["azure"])


def test_restituted_with_most_room_before_the_scene(aws: BucketAt, tmp_path: Path) -> None:
    """Several cover the scene; that with most of the orbit before it is taken, whichever was made last."""
    early = orbit_file(SCENE, "RESORB", step=60.0, shift=-1.7)
    late = orbit_file(SCENE, "RESORB", step=60.0, shift=1.4, created=SCENE.start + dt.timedelta(days=9))
    middle = orbit_file(SCENE, "RESORB", step=60.0)
    gone = orbit_file(SCENE, "RESORB", step=60.0, shift=-1.9)
    for named in (late, middle, early, gone):
        put(aws, named)
    assert one(tmp_path).path.name == early[0]
    assert one(tmp_path / "a", margin_after_s=1000).path.name == middle[0]
    assert one(tmp_path / "b", margin_before_s=5 * 60).path.name == early[0]
    lacking = one(tmp_path / "c", margin_before_s=80_000)
    assert lacking.path is None


def test_restituted_says_why(aws: BucketAt, restituted: tuple[str, bytes], tmp_path: Path) -> None:
    put(aws, restituted)
    found = one(tmp_path)
    assert (found.kind, found.reason) == ("RESORB", "there is no precise orbit yet")
    alos = granule(id="ALPSRP183046560-L1.1")
    assert stacaster.sar.fetch_orbits([alos], tmp_path, locations=["aws"]) == [], "others have no such files"


def test_cached_files_need_no_network_and_bad_ones_are_fetched_again(
    aws: BucketAt, twin: Twin, precise: tuple[str, bytes], tmp_path: Path
) -> None:
    put(aws, precise)
    first = one(tmp_path)
    twin.log.clear()
    again = one(tmp_path)
    assert again.place == "cache" and again.path == first.path and not twin.log
    first.path.write_bytes(precise[1][:-1000])
    third = one(tmp_path)
    assert third.place == "aws" and third.path.read_bytes() == precise[1]


def test_a_list_of_more_than_a_page(aws: BucketAt, precise: tuple[str, bytes], tmp_path: Path, twin: Twin) -> None:
    put(aws, precise)
    aws.page = 10
    for number in range(12):
        day = SCENE.start + dt.timedelta(days=number % 18, seconds=number)
        aws.put(f"AUX_POEORB/S1A_OPER_AUX_POEORB_OPOD_{day:%Y%m%dT%H%M%S}_V20200101T000000_20200102T020000.EOF", b"x")
    assert one(tmp_path).kind == "POEORB"
    assert sum(request.path == "/" for request in twin.log) == 2
    twin.log.clear()
    hour = dt.timedelta(hours=1)
    one(tmp_path / "other", granule(), granule(start=SCENE.start + hour, end=SCENE.end + hour))
    assert sum(request.path == "/" for request in twin.log) == 2, "a list is asked for once"


def test_second_and_third_place(twin: Twin, aws: BucketAt, precise: tuple[str, bytes], tmp_path: Path,
                                monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    copernicus, control = Copernicus(twin), QualityControl(twin)
    Earthdata(twin)
    control.files[precise[0]] = precise[1]
    places = {"locations": ["aws", "copernicus", "asf"]}
    found = one(tmp_path / "a", **places)
    assert found.place == "asf" and found.path.read_bytes() == precise[1]
    assert len(copernicus.asked) == 1, "a place without it is asked once for each kind until one has it"
    copernicus.files[precise[0]] = precise[1]
    none = one(tmp_path / "b", locations=["copernicus"])
    assert none.error == "AuthError" and "CDSE_USERNAME" in none.reason
    monkeypatch.setenv("CDSE_USERNAME", CDSE_USER)
    monkeypatch.setenv("CDSE_PASSWORD", CDSE_PASSWORD)
    assert one(tmp_path / "c", **places).place == "copernicus"
    monkeypatch.setenv("CDSE_PASSWORD", "canary-wrong")
    refused = one(tmp_path / "d", locations=["copernicus"])
    assert refused.error == "AuthError" and "canary" not in refused.reason
    for request in twin.log:
        if "canary-cdse" in str(request.headers) + request.body.decode():
            assert request.host in (IDENTITY, DOWNLOAD)
        if "canary-token" in str(request.headers):
            assert request.host == QC_HOST


def test_credentials_of_the_netrc_are_read_and_nothing_is_written(
    twin: Twin, precise: tuple[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copernicus = Copernicus(twin)
    copernicus.files[precise[0]] = precise[1]
    home = tmp_path / "home"
    one(tmp_path / "a", locations=["copernicus"])
    assert list(home.iterdir()) == [], "nothing is written into the home folder"
    netrc = home / ".netrc"
    netrc.write_text(f"machine dataspace.copernicus.eu login {CDSE_USER} password {CDSE_PASSWORD}\n")
    netrc.chmod(0o600)
    before = netrc.stat()
    assert one(tmp_path / "b", locations=["copernicus"]).kind == "POEORB"
    assert netrc.stat().st_mtime_ns == before.st_mtime_ns and stat.S_IMODE(netrc.stat().st_mode) == 0o600


# The transfer itself is the common one, whose whole matrix stands with it.
OF_THE_CATALOGUE = ("cut 50", "page", "foreign", "429 seconds", "404", "500")
OF_FILES = ("cut 0", "cut 99", "reset", "stall 99", "no length", "page", "foreign", "plain http", "401", "403", "404",
            "503", "429 seconds", "corrupt")  # fmt: skip
OF_LISTS = ("cut 0", "cut 50", "cut 99", "reset", "stall 0", "wrong length", "no length", "page", "foreign", "401",
            "403", "404", "500", "503", "429 seconds", "429 date", "corrupt")  # fmt: skip
MATRIX = [("list", name) for name in OF_LISTS] + [("file", name) for name in OF_FILES]
MATRIX += [("catalogue", name) for name in OF_THE_CATALOGUE]


@pytest.mark.parametrize(("service", "name"), MATRIX)
def test_faults(
    twin: Twin, aws: BucketAt, precise: tuple[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    service: str, name: str,
) -> None:  # fmt: skip
    """A fault that passes costs a repetition; one that stays is said; never is a bad file kept."""
    monkeypatch.setattr("stacaster.network.http.TIMEOUT", (5.0, 0.5))
    fault: Any = FAULTS.get(name) or (lambda _, answer: replace(answer, body=answer.body[:-900] + b"<" * 900))
    twin.routes["evil.example.com"] = lambda _: Answer(200, body=b"evil" * 9000)
    if service == "catalogue":
        copernicus = Copernicus(twin)
        if isinstance(fault, Answer):
            copernicus.faults = [fault]
        else:
            usual = twin.routes.pop("catalogue.dataspace.copernicus.eu")
            faults = [fault]
            twin.routes["catalogue.dataspace.copernicus.eu"] = lambda request: (
                faults.pop()(request, usual(request)) if faults else usual(request)
            )
        copernicus.files[precise[0]] = precise[1]
        monkeypatch.setenv("CDSE_USERNAME", CDSE_USER)
        monkeypatch.setenv("CDSE_PASSWORD", CDSE_PASSWORD)
        found = one(tmp_path, locations=["copernicus"])
    else:
        put(aws, precise)
        quiet: Callable[..., Answer] = lambda _, answer: answer  # noqa: E731
        aws.faults = [fault] if service == "list" else [quiet, fault]
        found = one(tmp_path)
    twin.released.set()
    kept = list((tmp_path / "orbits").glob("*.EOF"))
    if found.path is not None:
        assert found.path.read_bytes() == precise[1] and kept == [found.path]
    else:
        assert name not in PASSING - BODY or service == "catalogue", found.reason
        assert name not in PASSING, found.reason
        assert found.reason and "canary" not in found.reason and not kept
    assert not any(request.host == "evil.example.com" and "canary" in str(request.headers) for request in twin.log)


def test_what_is_no_orbit_file(precise: tuple[str, bytes], tmp_path: Path) -> None:
    name, content = precise
    text = content.decode()
    orbit = parse_name(name)
    assert orbit is not None and orbit.mission == "S1A" and orbit.stop - orbit.start == dt.timedelta(hours=26)
    vectors = parse_vectors(text, name=name)
    assert len(vectors) == 26 * 60 + 1 and vectors[0].time == orbit.start
    later = orbit_file(SCENE, shift=24, step=600.0)[0]
    for wrong, words in (
        (text[:-500], "was cut"), ("<html>login</html>", "0 state vectors"), ("<x/>", "0 state vectors"),
        (text.replace("<X unit", "<Q unit", 1).replace("</X>", "</Q>", 1), "cannot be read"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><x/>', "entities"),
    ):  # fmt: skip
        with pytest.raises(IntegrityError, match=words):
            parse_vectors(wrong, name=name)
    with pytest.raises(IntegrityError, match="not the validity in its name"):
        parse_vectors(text, name=later)
    assert parse_name("S1A_OPER_AUX_PREORB_OPOD_20240101T000000_V20240101T000000_20240102T000000.EOF") is None
