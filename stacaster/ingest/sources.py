"""Where granules of an ingest come from: this disk, or their provider, where they stay."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from stacaster.errors import UsageError
from stacaster.ingest.convert.task import ConvertTask, RemoteSource
from stacaster.ingest.discover import GranuleFiles
from stacaster.model import Granule, GranuleFile
from stacaster.network.remote import choose_file, is_remote


def split_sources(files: Iterable[Any]) -> tuple[list[str | os.PathLike[str]], list[GranuleFiles]]:
    """Return what lies on this disk, and granules that are read at their provider."""
    local: list[str | os.PathLike[str]] = []
    remote: list[GranuleFiles] = []
    entries = [files] if isinstance(files, (str, os.PathLike, Granule, GranuleFile)) else files
    if not isinstance(entries, Iterable) or isinstance(entries, Mapping):
        raise UsageError(f"files is {files!r}, but files, folders or patterns are needed")
    entries = list(entries)
    for entry in entries:
        if is_remote(entry):
            remote.append(_remote(entry))
        else:
            local.append(entry)
    return local, remote


def _remote(entry: Granule | GranuleFile | str) -> GranuleFiles:
    file, credentials = choose_file(entry)
    return GranuleFiles(name=file.name, files=(), remote=RemoteSource(file=file, credentials=credentials))


def merged(granules: Sequence[GranuleFiles], asked: ConvertTask, *, s3: bool) -> list[ConvertTask]:
    """Return the task of each granule: its files, or its address at the provider.

    Args:
        granules: What is to be converted.
        asked: What is wanted of each.
        s3: Read granules at their provider from their bucket.
    """
    pool = tuple(str(path) for granule in granules for path in granule.files if "ATL08_" in path.name)
    return [
        replace(
            asked,
            files=tuple(str(path) for path in granule.files),
            pool=pool if "ATL03_" in granule.name else (),
            remote=None if granule.remote is None else replace(granule.remote, s3=s3),
        )
        for granule in granules
    ]
