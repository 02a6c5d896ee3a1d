"""Whether a file is what its provider announced: size, checksum, first bytes, receipt."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
from pathlib import Path

from stacaster.errors import IntegrityError
from stacaster.files.checksums import agrees, digest_file, new_digest
from stacaster.model import GranuleFile

_LOG = logging.getLogger(__name__)
_HDF5 = b"\x89HDF\r\n\x1a\n"
_MAGICS = {
    ".hdf": (b"\x0e\x03\x13\x01", _HDF5),
    ".h5": (_HDF5,),
    ".he5": (_HDF5,),
    ".nc": (_HDF5, b"CDF"),
    ".nc4": (_HDF5, b"CDF"),
    ".tif": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    ".tiff": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    ".zip": (b"PK",),
}


def receipt_path(target: Path) -> Path:
    """Return the place of the receipt beside a file."""
    return target.with_name(f".{target.name}.receipt.json")


def is_receipt(path: Path) -> bool:
    """Tell whether a file is a receipt that ``fetch`` wrote."""
    return path.name.startswith(".") and path.name.endswith(".receipt.json")


class Digests:
    """SHA-256 and the provider's own checksum of one file, fed block by block.

    Args:
        file: What the search said.
    """

    def __init__(self, file: GranuleFile) -> None:
        self.size = 0
        self.sha256 = hashlib.sha256()
        self.other = new_digest(file.checksum_kind) if file.checksum else None

    def update(self, block: bytes | memoryview) -> None:
        """Take bytes in."""
        self.size += len(block)
        self.sha256.update(block)
        if self.other is not None:
            self.other.update(block)


def check_file(path: Path, file: GranuleFile, *, announced: int | None, digests: Digests | None = None) -> str:
    """Check a complete file against everything that is known of it.

    Args:
        path: The file under its temporary name.
        file: What the search said.
        announced: Bytes that the server announced.
        digests: Those of the bytes as they were written; None reads the file.

    Returns:
        SHA-256 of the file, hexadecimal.

    Raises:
        IntegrityError: Something differs; the message says what.
    """
    size = path.stat().st_size
    for expected, who in ((announced, "the server"), (file.size, "the catalogue of the provider")):
        if expected is not None and size != expected:
            raise IntegrityError(f"{file.name} has {size} bytes, but {who} says {expected}", href=file.href)
    _check_magic(path, file)
    if digests is None or digests.size != size:
        digests = Digests(file)
        digest_file(path, *(part for part in (digests.sha256, digests.other) if part is not None))
    if file.checksum and digests.other is None:
        _LOG.warning("%s: its record states a checksum of the kind %r, which is not known; it was not checked",
                     file.name, file.checksum_kind)  # fmt: skip
    if digests.other is not None and not agrees(digests.other, file.checksum or ""):
        raise IntegrityError(f"{file.name} differs from its {file.checksum_kind} checksum", href=file.href)
    return digests.sha256.hexdigest()


def _check_magic(path: Path, file: GranuleFile) -> None:
    with path.open("rb") as stream:
        head = stream.read(512)
    suffix = Path(file.name).suffix.lower()
    wanted = _MAGICS.get(suffix)
    text = head.lstrip().lower()
    is_page = text.startswith((b"<!doctype html", b"<html")) and suffix not in (".html", ".htm")
    if is_page or (wanted is not None and not head.startswith(wanted)):
        what = "an HTML page, most likely a login page" if b"<html" in text or is_page else "no such file"
        raise IntegrityError(f"{file.name} came as {what} (first bytes {head[:8].hex(' ')})", href=file.href)


def write_receipt(target: Path, file: GranuleFile, digest: str) -> None:
    """Write beside a file what was checked; it makes the file trusted the next time."""
    known = {
        "name": file.name,
        "href": file.href.partition("?")[0],
        "size": target.stat().st_size,
        "sha256": digest,
        "checksum_kind": file.checksum_kind,
        "checksum": file.checksum,
    }
    path = receipt_path(target)
    # Who finds a file whose receipt is on its way checks it and writes the same receipt, under a name of its own.
    staged = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    staged.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    staged.replace(path)


def is_trusted(target: Path, file: GranuleFile) -> bool:
    """Tell whether a file that exists is the one wanted: by its receipt, or else by size and checksum."""
    if not target.is_file():
        return False
    try:
        receipt = json.loads(receipt_path(target).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        receipt = None
    if isinstance(receipt, dict):
        stated = (file.checksum_kind, file.checksum)
        same = file.checksum is None or (receipt.get("checksum_kind"), receipt.get("checksum")) == stated
        sizes = {receipt.get("size"), target.stat().st_size} | ({file.size} if file.size is not None else set())
        if same and len(sizes) == 1:
            return True
    if new_digest(file.checksum_kind) is None or not file.checksum:
        return False
    try:
        digest = check_file(target, file, announced=None)
    except IntegrityError:
        return False
    write_receipt(target, file, digest)
    return True
