"""Messages between a process and its workers: length and JSON, over pipes."""

from __future__ import annotations

import os
import struct

_HEADER = struct.Struct(">Q")
_PIECE = 1 << 20


def needs_more(limit: object) -> str:
    """Return what is said of a task that took more memory than it may, in MB."""
    return f"needs more than {limit} MB of memory"


def write_message(descriptor: int, message: bytes) -> None:
    """Write one message whole.

    Raises:
        OSError: The other side is gone.
    """
    view = memoryview(_HEADER.pack(len(message)) + message)
    while view:
        view = view[os.write(descriptor, view) :]


def read_message(descriptor: int) -> bytes | None:
    """Return one message, or None when the other side is gone."""
    header = _read_exactly(descriptor, _HEADER.size)
    return None if header is None else _read_exactly(descriptor, _HEADER.unpack(header)[0])


def _read_exactly(descriptor: int, size: int) -> bytes | None:
    parts = []
    while size > 0:
        part = os.read(descriptor, min(size, _PIECE))
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
