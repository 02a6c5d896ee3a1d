"""Zip archives in the CEOS format of JAXA: which images there are, and the facts of the text beside them."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from stacaster.errors import ReadError
from stacaster.formats.archives import check_members
from stacaster.formats.granule_files import Closing, only_file
from stacaster.formats.metadata.sidecars import read_umm_sidecar, verify_against_umm
from stacaster.model import GranuleContent

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MAX_BYTES = 16 << 30
_MAX_TEXT = 1 << 20
_TEXTS = re.compile(r"(?:.*\.)?workreport|summary\.txt", re.IGNORECASE)
_PAIR = re.compile(r'(\w+)\s*=\s*"?([^"]*)"?')


def open_files(files: Sequence[Path]) -> CeosArchive:
    """Open one archive.

    Raises:
        ReadError: There are several files, or the archive is damaged.
    """
    return CeosArchive(only_file(files, "a scene of JAXA is one archive"))


class CeosArchive(Closing):
    """An open archive; see ``model.OpenGranule``. No pixel is read: images lie in the geometry of the radar."""

    content: GranuleContent

    def __init__(self, path: Path) -> None:
        record = read_umm_sidecar(path.with_name(f"{path.stem}.cmr.json"))
        if record is not None:
            verify_against_umm(path, record, origin="its .cmr.json sidecar")
        facts: dict[str, str] = {}
        try:
            with zipfile.ZipFile(path) as archive:
                members = [entry for entry in archive.infolist() if not entry.is_dir()]
                check_members(members, path.name, _MAX_BYTES)
                for entry in members:
                    if _TEXTS.fullmatch(PurePosixPath(entry.filename).name) and entry.file_size <= _MAX_TEXT:
                        facts |= dict(_PAIR.findall(archive.read(entry).decode("utf-8", "replace")))
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError) as error:
            text = f"is a damaged zip archive: {error}; download it again"
            raise ReadError(text, granule=path.name) from error
        names = sorted(PurePosixPath(entry.filename).name for entry in members)
        self.content = GranuleContent(
            reader="ceos_archive", files=(path,), layers={}, attributes={"facts": facts, "members": names},
            sidecars={} if record is None else {"umm": record},
        )  # fmt: skip

    def read_layer(self, path: str) -> NDArray[Any]:
        """Raise: no layer is offered."""
        raise ReadError("the images of this format are not read", granule=path)

    def strips(self, path: str, _: tuple[slice, slice]) -> Iterator[NDArray[Any]]:
        """Raise: no layer is offered."""
        raise ReadError("the images of this format are not read", granule=path)
