"""What the readers of all formats share: files of one granule, and what is open until it is closed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from stacaster.errors import ReadError

if TYPE_CHECKING:
    from types import TracebackType


_STEM = re.compile(r"\.(tiff?|zip)$", re.IGNORECASE)
_NUMBERS = re.compile(r"(?:(?<=[._A-Za-z])|^)(\d{7,}(?:T\d+)?Z?|v\d+(?:\.\d+)?)(?=[._-]|$)", re.IGNORECASE)


def image_parts(name: str) -> tuple[str, str]:
    """Return the granule and the band in the name of an image: what stands before and after its last date or version.

    Names without either, or with nothing behind it, are a granule without a band.
    """
    stem = _STEM.sub("", name)
    ends = [match.end() for match in _NUMBERS.finditer(stem)]
    band = stem[ends[-1] :].strip("._-") if ends else ""
    return (stem[: ends[-1]], band) if band else (stem, "")


def only_file(files: Sequence[Path], kind: str) -> Path:
    """Return the file of a granule that is one file.

    Args:
        files: Files of the granule.
        kind: What it is, for the message: ``an HDF5 granule is one file``.

    Raises:
        ReadError: There are several.
    """
    if len(files) != 1:
        raise ReadError(f"{kind}, but {len(files)} were given", granule=files[0].name)
    return files[0]


class Closing:
    """Something that is open: a context manager that closes it at the end."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release what is open; nothing here."""
