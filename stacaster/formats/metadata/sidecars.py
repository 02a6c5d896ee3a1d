"""Metadata files that a provider puts beside a granule; they also hold its checksums."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from stacaster.errors import ReadError
from stacaster.files.checksums import agrees, digest_file, new_digest, not_checked

_MAX_BYTES = 16 << 20
_LOG = logging.getLogger(__name__)


def read_ecs_sidecar(path: Path) -> dict[str, Any] | None:
    """Read ``<file>.hdf.xml`` beside a granule and check the granule's size and checksum against it.

    Args:
        path: The granule.

    Returns:
        ``{"local_granule_id": ..., "attributes": {name: value}}``, or None when there is no sidecar.

    Raises:
        ReadError: The sidecar is damaged, or the granule is not the file that it describes.
    """
    sidecar = path.with_name(path.name + ".xml")
    text = _read(sidecar)
    if text is None:
        return None
    root = _parse_xml(text, sidecar.name, granule=path.name)
    notes = []
    for container in root.iter("DataFileContainer"):
        if container.findtext("DistributedFileName") == path.name:
            kind, value = container.findtext("ChecksumType"), container.findtext("Checksum")
            verify_file(path, size=container.findtext("FileSize"), kind=kind, checksum=value, origin=sidecar.name)
            notes += _notes(path.name, sidecar.name, kind, value)
    return {
        "local_granule_id": root.findtext(".//LocalGranuleID"), "attributes": _attributes(root),
        "unchecked": notes,
    }  # fmt: skip


def _notes(name: str, origin: str, kind: str | None, checksum: str | None) -> list[str]:
    said = not_checked(origin, kind, checksum)
    return [] if said is None else [f"{name}: {said}"]


def unchecked(sidecars: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Return what a user has to know: checksums of files that were not checked, because their kind is not known.

    Args:
        sidecars: Of the content of a granule, which were read and checked.
        names: Names of its files.
    """
    notes = list((sidecars.get("ecs") or {}).get("unchecked", ()))
    record = sidecars.get("umm") or {}
    for entry in record.get("DataGranule", {}).get("ArchiveAndDistributionInformation", ()):
        checksum = entry.get("Checksum") or {}
        if entry.get("Name") in names:
            notes += _notes(entry["Name"], "its record", checksum.get("Algorithm"), checksum.get("Value"))
    return notes


def parse_ecs_attributes(text: str, *, origin: str) -> dict[str, Any]:
    """Return the product-specific attributes of a ``.hdf.xml`` by name.

    Raises:
        ReadError: The text is no such document.
    """
    return _attributes(_parse_xml(text, origin, granule=origin))


def read_sidecars(path: Path) -> dict[str, Any]:
    """Read the metadata files beside a granule, and check it against them.

    Args:
        path: The granule.

    Returns:
        ``umm`` (UMM-G record) and ``ecs`` (see ``read_ecs_sidecar``), those that are there.

    Raises:
        ReadError: A sidecar is damaged, or the granule is not the file that it describes.
    """
    ecs = read_ecs_sidecar(path)
    found: dict[str, Any] = {} if ecs is None else {"ecs": ecs}
    for name in dict.fromkeys((f"{path.name}.cmr.json", f"{path.stem}.cmr.json")):
        record = read_umm_sidecar(path.with_name(name))
        if record is not None:
            verify_against_umm(path, record, origin=name)
            return found | {"umm": record}
    return found


def _parse_xml(text: str, origin: str, *, granule: str) -> ET.Element:
    if "<!ENTITY" in text:
        raise ReadError(f"the sidecar {origin} defines entities; it is not read", granule=granule)
    try:
        return ET.fromstring(text)  # noqa: S314 - without entity definitions the parser expands nothing
    except ET.ParseError as error:
        raise ReadError(f"the sidecar {origin} is no XML: {error}", granule=granule) from error


def _attributes(root: ET.Element) -> dict[str, Any]:
    pairs = ((psa.findtext("PSAName"), psa.findtext("PSAValue")) for psa in root.iter("PSA"))
    return {name: value for name, value in pairs if name}


def read_umm_sidecar(path: Path) -> dict[str, Any] | None:
    """Read a UMM-G record (``<granule>.cmr.json``).

    Returns:
        The record, or None when there is no such file.

    Raises:
        ReadError: The file is no UMM-G record.
    """
    text = _read(path)
    if text is None:
        return None
    try:
        record = json.loads(text)
    except ValueError as error:
        raise ReadError(f"the sidecar is no JSON: {error}", granule=path.name) from error
    if not isinstance(record, dict) or "GranuleUR" not in record:
        raise ReadError("the sidecar is no UMM-G record: GranuleUR is missing", granule=path.name)
    return record


def verify_against_umm(path: Path, record: Mapping[str, Any], *, origin: str) -> None:
    """Check size and checksum of a file against the UMM-G record of its granule; a file it does not list passes.

    Raises:
        ReadError: The file is not the one that the record describes, or the record is not of the right form.
    """
    try:
        entries = record.get("DataGranule", {}).get("ArchiveAndDistributionInformation", [])
        listed = [entry for entry in entries if entry.get("Name") == path.name]
    except AttributeError as error:
        raise ReadError(f"{origin} has a DataGranule that is not of the UMM-G form", granule=path.name) from error
    for entry in listed:
        checksum = entry.get("Checksum", {})
        kind, value = checksum.get("Algorithm"), checksum.get("Value")
        verify_file(path, size=entry.get("SizeInBytes"), kind=kind, checksum=value, origin=origin)


def verify_file(path: Path, *, size: Any, kind: str | None, checksum: str | None, origin: str) -> None:
    """Check size and checksum of a file.

    Args:
        path: The file.
        size: Bytes; None is not checked.
        kind: One that ``new_digest`` knows; of another kind a warning is logged.
        checksum: As the provider writes it.
        origin: What says so, for the message.

    Raises:
        ReadError: The file differs.
    """
    found = path.stat().st_size
    if size is not None and str(size).strip() != str(found):
        text = f"has {found} bytes, but {origin} says {size}: the file is damaged, download it again"
        raise ReadError(text, granule=path.name)
    digest = new_digest(kind)
    if not checksum or not checksum.strip():
        return
    if digest is None:
        _LOG.warning("%s: %s", path.name, not_checked(origin, kind, checksum))
        return
    digest_file(path, digest)
    if not agrees(digest, checksum):
        text = f"differs from the {kind} checksum in {origin}: the file is damaged, download it again"
        raise ReadError(text, granule=path.name)


def _read(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ReadError(f"the sidecar cannot be read: {error}", granule=path.name) from error
    if len(data) > _MAX_BYTES:
        raise ReadError("the sidecar is larger than any metadata file", granule=path.name)
    return data.decode("utf-8", errors="replace")
