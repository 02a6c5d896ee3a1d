"""Stacks on disk: one folder a stack, by the common downloader."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stacaster.access.fetch import FetchReport, TransferRules, chosen_files, fetch_into
from stacaster.access.search import GranuleSearch
from stacaster.errors import NothingFoundError, SpaceError
from stacaster.files.names import safe_id
from stacaster.files.system.disk import free_space
from stacaster.model import Granule
from stacaster.model.checked import checked

_ROOM = 64 << 20


@dataclass(frozen=True)
class StackFiles:
    """Downloaded stacks."""

    folders: Mapping[str, Path]
    """Folder of each stack, by its name."""
    report: FetchReport
    """What became of each granule."""


def folder_names(found: GranuleSearch) -> dict[str, str]:
    """Return the folder of each granule: ``p100_f466`` for path 100 and frame 466."""
    return {granule.id: safe_id(stack.name) for stack in found.stacks for granule in stack.granules}


@checked
def download_stacks(
    found: GranuleSearch,
    output: str | os.PathLike[str] = "stacks",
    *,
    workers: int = 4,
    token: str | None = None,
    s3: bool = False,
    rules: TransferRules | None = None,
    progress: Any = None,
) -> StackFiles:
    """Download the granules of stacks into ``<output>/p<path>_f<frame>/``.

    Files are resumed, checked by size and checksum, and used again when they are there. Whether the disk has room
    for all that is missing is looked at before the first byte.

    Args:
        found: From ``find_stacks``, or a search that is grouped.
        output: Folder above those of the stacks.
        workers: Files at a time.
        token: Earthdata token; default is what is found in the environment or in ``~/.netrc``.
        s3: Read from the providers' buckets.
        rules: Limits of a transfer.
        progress: Called with name, bytes and total of a file whenever bytes arrive, from several threads.

    Raises:
        NothingFoundError: There is no granule.
        SpaceError: The disk has not enough room.
        KeyboardInterrupt: The user stopped; what is there is used the next time.
    """
    if not len(found):
        raise NothingFoundError("there is no granule to download")
    root, names = Path(output), folder_names(found)

    def folder_of(granule: Granule) -> Path:
        return root / names[granule.id]

    check_room(root, missing_bytes(found, folder_of))
    report = fetch_into(
        found, folder_of, workers=workers, token=token, s3=s3, rules=rules, progress=progress
    )  # fmt: skip
    return StackFiles({name: root / name for name in dict.fromkeys(names.values())}, report)


def missing_bytes(found: GranuleSearch, folder_of: Any) -> int:
    """Return the bytes that are still to come, as far as records state sizes."""
    total = 0
    for granule in found:
        for file in chosen_files(granule):
            target = folder_of(granule) / safe_id(file.name)
            parts = (target, target.with_name(f".{target.name}.part"))
            there = next((path.stat().st_size for path in parts if path.is_file()), 0)
            total += max(0, (file.size or 0) - there)
    return total


def check_room(folder: Path, wanted: int) -> None:
    """Check that a disk has room.

    Raises:
        SpaceError: It has not.
    """
    place = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    free = free_space(place)
    if wanted and free is not None and free < wanted + _ROOM:
        text = f"{wanted / 1e9:.2f} GB are still to come, but only {free / 1e9:.2f} GB are free in {folder.name}"
        raise SpaceError(f"{text}; nothing was downloaded: free some space, or choose fewer granules")
