"""Streams that pass no character on that steers a terminal: names and messages may come from others."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from stacaster.files.plain_text import plain_text


class SafeStream:
    """A text stream that writes control characters out; all else is that of the stream behind it."""

    def __init__(self, stream: TextIO) -> None:
        self.raw = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)

    def write(self, text: str) -> int:
        """Write a text."""
        self.raw.write(plain_text(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write texts."""
        for line in lines:
            self.write(line)


def raw_stderr() -> TextIO:
    """Return standard error as it is, for bars, which steer the terminal themselves."""
    stream: Any = sys.stderr
    raw: TextIO = stream.raw if isinstance(stream, SafeStream) else stream
    return raw


@contextmanager
def safe_streams() -> Iterator[None]:
    """Make standard output and standard error safe for the time of a command."""
    system: Any = sys
    before = system.stdout, system.stderr
    system.stdout, system.stderr = SafeStream(before[0]), SafeStream(before[1])
    try:
        yield
    finally:
        system.stdout, system.stderr = before
