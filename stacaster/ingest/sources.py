"""Where granules of an ingest come from: this disk, or their provider, where they stay."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stacaster.errors import UsageError
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
    return GranuleFiles(name=file.name, files=(), remote={"file": dict(vars(file)), "credentials": credentials})


def merged(granules: Sequence[GranuleFiles], options: Mapping[str, Any], *, s3: bool) -> list[dict[str, Any]]:
    """Return what a worker has to know of each granule: its files, or its place at the provider."""
    found = []
    pool = [str(path) for granule in granules for path in granule.files if "ATL08_" in path.name]
    for granule in granules:
        payload: dict[str, Any] = {"files": [str(path) for path in granule.files], **options}
        if pool and "ATL03_" in granule.name:
            payload["pool"] = pool
        if granule.remote is not None:
            payload["remote"] = {**granule.remote, "s3": s3}
        found.append(payload)
    return found
