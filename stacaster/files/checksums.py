"""Checksums of files under the names that providers use. Pure but for reading the file."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

_HASHES = {
    "MD5": "md5", "SHA-1": "sha1", "SHA1": "sha1", "SHA-256": "sha256", "SHA256": "sha256",
    "SHA-384": "sha384", "SHA384": "sha384", "SHA-512": "sha512", "SHA512": "sha512",
}  # fmt: skip
_MULTIHASH = {"md5": "d50110", "sha1": "1114", "sha256": "1220", "sha384": "2030", "sha512": "1340"}
_BLOCK = 1 << 20


class Digest(Protocol):
    """What hashlib gives."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Take bytes in."""

    def hexdigest(self) -> str:
        """Return the checksum in hexadecimal."""


class _Adler32:
    def __init__(self) -> None:
        self._value = 1

    def update(self, data: bytes | memoryview, /) -> None:
        self._value = zlib.adler32(data, self._value)

    def hexdigest(self) -> str:
        return f"{self._value:08x}"


class _Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes | memoryview, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def hexdigest(self) -> str:
        return f"{self._value:08x}"


# Bytes with their bits in the opposite order.
_REVERSED = bytes(int(f"{number:08b}"[::-1], 2) for number in range(256))
_ONES = 0xFFFFFFFF


class _PosixCksum:
    """The CRC of the POSIX command ``cksum``, which also counts the length of the file.

    Source: IEEE Std 1003.1, cksum: polynomial 0x04C11DB7, highest bit first. ``zlib`` has the same polynomial with the
    lowest bit first, so that bits are reversed before and after.
    """

    def __init__(self) -> None:
        # zlib inverts the register at both ends; this one begins with zeros.
        self._value, self._size = _ONES, 0

    def update(self, data: bytes | memoryview, /) -> None:
        self._value = zlib.crc32(bytes(data).translate(_REVERSED), self._value)
        self._size += len(data)

    def hexdigest(self) -> str:
        length = self._size.to_bytes((self._size.bit_length() + 7) // 8, "little")
        register = zlib.crc32(length.translate(_REVERSED), self._value) ^ _ONES
        return f"{int(f'{register:032b}'[::-1], 2) ^ _ONES:08x}"


_SUMS: dict[str, Callable[[], Digest]] = {
    "ADLER-32": _Adler32, "ADLER32": _Adler32, "CRC-32": _Crc32, "CRC32": _Crc32,
    "CKSUM": _PosixCksum, "POSIX": _PosixCksum, "POSIX CKSUM": _PosixCksum,
}  # fmt: skip


def new_digest(kind: str | None) -> Digest | None:
    """Return a digest by the name that CMR or ECS uses (``MD5``, ``SHA-256``, ``CKSUM`` ...); None when unknown."""
    name = " ".join((kind or "").upper().split())
    if name in _SUMS:
        return _SUMS[name]()
    return hashlib.new(_HASHES[name], usedforsecurity=False) if name in _HASHES else None


def not_checked(origin: str, kind: str | None, checksum: str | None) -> str | None:
    """Return words on a stated checksum of a kind that is not known; None for one that can be checked, or for none."""
    if not (checksum and checksum.strip()) or new_digest(kind) is not None:
        return None
    return f"{origin} states a checksum of the kind {kind!r}, which is not known; it was not checked"


def agrees(digest: Digest, stated: str) -> bool:
    """Tell whether a digest is the stated checksum: hexadecimal, or for ``cksum`` the decimal number that it prints."""
    text = stated.strip().lower()
    if isinstance(digest, _PosixCksum):
        # The command prints the size of the file after the number.
        number = text.split(maxsplit=1)[0] if text else ""
        return number.isascii() and number.isdigit() and int(number) == int(digest.hexdigest(), 16)
    return digest.hexdigest() == text


def file_multihash(path: Path) -> str:
    """Return the multihash (sha2-256) of a file.

    Raises:
        OSError: The file cannot be read.
    """
    digest = hashlib.sha256()
    digest_file(path, digest)
    return multihash(digest.hexdigest())


def digest_file(path: Path, *digests: Digest) -> int:
    """Feed a file into digests, reading it once, and return its size in bytes.

    Raises:
        OSError: The file cannot be read.
    """
    size = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            size += len(block)
            for digest in digests:
                digest.update(block)
    return size


def multihash(digest: str) -> str:
    """Return a hexadecimal sha2-256 digest as a multihash (``file:checksum`` of STAC)."""
    return f"1220{digest}"


def as_multihash(kind: str | None, digest: str | None) -> str | None:
    """Return a provider's checksum as a multihash; None when it is none that multihash has a code for.

    Source of the codes: multiformats table (md5 0xd5, sha1 0x11, sha2-256 0x12, sha2-384 0x20, sha2-512 0x13).
    """
    prefix = _MULTIHASH.get(_HASHES.get((kind or "").upper(), ""))
    return None if prefix is None or not digest else prefix + digest.strip().lower()
