"""Metadata files beside a granule."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from pathlib import Path

import pytest

import stacaster
from stacaster.errors import ReadError
from stacaster.formats.metadata.sidecars import read_ecs_sidecar, verify_file

XML = """<GranuleMetaDataFile><GranuleURMetaData><DataFiles><DataFileContainer>
<DistributedFileName>a.hdf</DistributedFileName><FileSize>{size}</FileSize><ChecksumType>MD5</ChecksumType>
<Checksum>{checksum}</Checksum></DataFileContainer></DataFiles>
<PSAs><PSA><PSAName>ASTERMapProjection</PSAName><PSAValue>UTM</PSAValue></PSA></PSAs>
<ECSDataGranule><LocalGranuleID>LOCAL</LocalGranuleID></ECSDataGranule></GranuleURMetaData></GranuleMetaDataFile>"""


@pytest.fixture
def granule(tmp_path: Path) -> Path:
    path = tmp_path / "a.hdf"
    path.write_bytes(b"content")
    return path


def write(granule: Path, text: str) -> None:
    granule.with_name("a.hdf.xml").write_text(text)


def test_no_sidecar(granule: Path) -> None:
    assert read_ecs_sidecar(granule) is None


def test_fields(granule: Path) -> None:
    write(granule, XML.format(size=7, checksum=hashlib.md5(b"content").hexdigest()))
    assert read_ecs_sidecar(granule) == {
        "local_granule_id": "LOCAL", "attributes": {"ASTERMapProjection": "UTM"}, "unchecked": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (XML.format(size=8, checksum=""), "has 7 bytes, but a.hdf.xml says 8"),
        (XML.format(size=7, checksum="0" * 32), "differs from the MD5 checksum in a.hdf.xml"),
        ("<a>", "is no XML"),
        ('<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "defines entities"),
    ],
)
def test_a_sidecar_that_does_not_fit(granule: Path, text: str, words: str) -> None:
    write(granule, text)
    with pytest.raises(ReadError, match=words) as caught:
        read_ecs_sidecar(granule)
    assert caught.value.granule == "a.hdf"


@pytest.mark.parametrize(("kind", "name"), [("MD5", "md5"), ("SHA-256", "sha256"), ("sha512", "sha512")])
def test_every_kind_of_checksum(granule: Path, kind: str, name: str) -> None:
    right = hashlib.new(name, b"content").hexdigest()
    verify_file(granule, size="7", kind=kind, checksum=right.upper(), origin="x")
    with pytest.raises(ReadError, match="download it again"):
        verify_file(granule, size=None, kind=kind, checksum=right[:-1] + ("0" if right[-1] != "0" else "1"), origin="x")


def test_real_sidecar(shared: Path, tmp_path: Path) -> None:
    sidecars = sorted((shared / "data").rglob("*.hdf.xml"))
    if not sidecars:
        pytest.skip("no sidecar among the shared files")
    target = tmp_path / sidecars[0].name.removesuffix(".xml")
    target.write_bytes(b"x")
    (tmp_path / sidecars[0].name).write_bytes(sidecars[0].read_bytes())
    with pytest.raises(ReadError, match="has 1 bytes"):
        read_ecs_sidecar(target)


@pytest.mark.parametrize("kind", ["CKSUM", "cksum", "POSIX"])
@pytest.mark.parametrize("size", [0, 1, 7, 255, 256, 70_000])
def test_the_checksum_of_cksum(tmp_path: Path, kind: str, size: int) -> None:
    """Against a bit by bit calculation as POSIX describes it."""
    content = random.Random(size).randbytes(size)
    path = tmp_path / "a.hdf"
    path.write_bytes(content)
    right = str(cksum_by_hand(content))
    verify_file(path, size=None, kind=kind, checksum=f" {right}\n", origin="x")
    for wrong in ("12345", f"{int(right):08x}x", "-1", right + "0"):
        with pytest.raises(ReadError, match="download it again"):
            verify_file(path, size=None, kind=kind, checksum=wrong, origin="x")


def cksum_by_hand(content: bytes) -> int:
    length, tail = len(content), b""
    while length:
        tail += bytes([length & 0xFF])
        length >>= 8
    register = 0
    for byte in content + tail:
        register ^= byte << 24
        for _ in range(8):
            register = ((register << 1) ^ (0x04C11DB7 if register & 0x80000000 else 0)) & 0xFFFFFFFF
    return register ^ 0xFFFFFFFF


def test_published_values_of_cksum() -> None:
    """What ``cksum`` of coreutils prints for an empty file and for ``123456789``."""
    assert cksum_by_hand(b"") == 4294967295 and cksum_by_hand(b"123456789") == 930766865


def test_a_sidecar_with_cksum(granule: Path) -> None:
    text = XML.replace("<ChecksumType>MD5", "<ChecksumType>CKSUM")
    write(granule, text.format(size=7, checksum=cksum_by_hand(b"content")))
    assert read_ecs_sidecar(granule) is not None
    write(granule, text.format(size=7, checksum=12345))
    with pytest.raises(ReadError, match="differs from the CKSUM checksum"):
        read_ecs_sidecar(granule)


def test_an_unknown_kind_is_said(granule: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(granule, XML.replace(">MD5<", ">Fletcher-32<").format(size=7, checksum="1f"))
    read = read_ecs_sidecar(granule)
    assert read is not None
    said = "a.hdf: a.hdf.xml states a checksum of the kind 'Fletcher-32', which is not known"
    assert said in caplog.text and read["unchecked"] == [f"{said}; it was not checked"]


@pytest.mark.parametrize("kind", ["xml", "json"])
def test_an_ingest_says_what_it_did_not_check(kind: str, granules: Path, tmp_path: Path, repository: Path) -> None:
    """In its report, in the item, and on the command line."""
    (tmp_path / "g").mkdir()
    original = min(granules.glob("*.hdf"), key=lambda path: path.stat().st_size)
    path = Path(shutil.copy2(original, tmp_path / "g"))
    size = path.stat().st_size
    if kind == "xml":
        text = XML.replace(">MD5<", ">Fletcher-32<").replace("a.hdf", path.name).format(size=size, checksum="1f")
        path.with_name(f"{path.name}.xml").write_text(text)
    else:
        entry = {"Name": path.name, "SizeInBytes": size, "Checksum": {"Algorithm": "Fletcher-32", "Value": "1f"}}
        record = {"GranuleUR": path.stem, "DataGranule": {"ArchiveAndDistributionInformation": [entry]}}
        path.with_name(f"{path.name}.cmr.json").write_text(json.dumps(record))
    report = stacaster.ingest([path], catalog=tmp_path / "c", subsystem="TIR", workers=1)
    (outcome,) = report.outcomes
    assert outcome.status == "ingested", outcome.reason
    assert any("Fletcher-32" in note and "not checked" in note for note in outcome.notes)
    (item,) = stacaster.open_catalog(tmp_path / "c").search().items()
    assert any("Fletcher-32" in note for note in item.properties["stacaster:notes"])
