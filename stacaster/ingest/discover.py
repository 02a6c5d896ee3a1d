"""From file names to granules: expand folders and patterns, group file sets."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from stacaster.errors import NothingFoundError
from stacaster.formats.granule_files import image_parts
from stacaster.ingest.convert.task import RemoteSource
from stacaster.model.values import read_path
from stacaster.products import file_sets

_SINGLE = (".hdf", ".hdf4", ".h5", ".he5", ".hdf5", ".nc", ".nc4")
_TIFF = (".tif", ".tiff")
_BROWSE = ("_br.hdf", "_qa_stats.h5")
# Archives of other things lie around everywhere.
_ARCHIVE = re.compile(
    r"(?:AST_?\w+_\d{3}\d{14}_\d{14}\w*|S1[A-D]_\w{2}_(?:SLC_|GRD[HMF])_\w+|ALPSRP[A-Z]?\d{9}-[\w.]+)\.zip",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class GranuleFiles:
    """The files of one granule that was found on disk."""

    name: str
    """File name, or the name that a file set shares."""
    files: tuple[Path, ...]
    """Absolute paths, sorted; empty for a granule that stays at its provider."""
    remote: RemoteSource | None = None
    """Where it lies."""


def discover(files: Iterable[str | os.PathLike[str]], *, exclude: Path) -> list[GranuleFiles]:
    """Find granules in files, folders (with all below them) and patterns.

    Files that are named are always taken, so that a wrong one is reported; in folders only files that may be granules
    are taken, and browse images and sidecars are left out.

    Args:
        files: What the user named.
        exclude: Folder whose content is never a source: the catalog itself.

    Returns:
        Granules sorted by name and path, each file once.

    Raises:
        NothingFoundError: Not a single file was found; the message says what was searched.
    """
    asked = [os.fspath(read_path("files", entry)) for entry in files]
    root = exclude.resolve()
    single: dict[Path, None] = {}
    sets: dict[tuple[Path, str], set[Path]] = {}
    for entry in asked:
        for path, is_named in _expand(entry):
            resolved = path.resolve() if path.exists() else path.absolute()
            if resolved.is_relative_to(root):
                continue
            name = _set_name(path)
            if name is None and is_named and path.suffix.lower() in _TIFF:
                granule, band = image_parts(path.name)
                name = granule if band else None
            if name is not None:
                sets.setdefault((resolved.parent, name), set()).add(resolved)
            elif is_named or path.suffix.lower() in _SINGLE or _ARCHIVE.fullmatch(path.name):
                single[resolved] = None
    granules = [GranuleFiles(name=path.name, files=(path,)) for path in single]
    granules += [GranuleFiles(name=name, files=tuple(sorted(paths))) for (_, name), paths in sets.items()]
    if not granules:
        raise NothingFoundError(f"no granule was found in {', '.join(asked) or 'an empty list'}")
    return sorted(granules, key=lambda item: (item.name, item.files))


def _set_name(path: Path) -> str | None:
    """Return the granule name when the file is a member of a file set of any product."""
    for product in file_sets().values():
        match = product.file_set.fullmatch(path.name) if product.file_set is not None else None
        if match is not None:
            return match.group("granule")
    return None


def _expand(entry: str) -> list[tuple[Path, bool]]:
    """Return the files that an entry means, each with whether the user named it."""
    path = Path(entry)
    if path.is_dir():
        return [(found, False) for found in _walk(path)]
    if path.exists() or not any(char in entry for char in "*?["):
        return [(path, True)]
    import glob

    found: list[tuple[Path, bool]] = []
    for match in sorted(glob.glob(entry, recursive=True)):  # noqa: PTH207 - patterns may be absolute
        inner = Path(match)
        found += [(item, False) for item in (_walk(inner) if inner.is_dir() else _candidates([inner]))]
    return found


def _walk(folder: Path) -> list[Path]:
    found: list[Path] = []
    for parent, folders, names in os.walk(folder):
        folders.sort()
        found += _candidates([Path(parent) / name for name in sorted(names)])
    return found


def _candidates(paths: list[Path]) -> list[Path]:
    suffixes = (*_SINGLE, *_TIFF)
    return [
        path for path in paths
        if (path.name.lower().endswith(suffixes) or _ARCHIVE.fullmatch(path.name) or _set_name(path) is not None)
        and not path.name.lower().endswith(_BROWSE)
    ]  # fmt: skip
