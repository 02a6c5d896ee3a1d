"""Compute a run again from its plan, and say what differs."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Unpack

from stacaster.config import __version__
from stacaster.errors import CatalogError
from stacaster.files.atomic import complete_file
from stacaster.model.checked import checked
from stacaster.model.names import check_known
from stacaster.model.run_options import TileRunOptions
from stacaster.tiles.ledger import Ledger
from stacaster.tiles.plan import LEDGER, RUN, TASKS, read_run, read_tasks, software_versions
from stacaster.tiles.run import run_tiles

_WORDS = (".json",)


@checked
def reproduce_tiles(
    run: str | os.PathLike[str], output: str | os.PathLike[str], **options: Unpack[TileRunOptions]
) -> list[dict[str, str]]:
    """Compute the tiles of a run again, in another folder, from the same scenes with the same recipe.

    Args:
        run: Folder of the run, or its ``run.json``; plan and ledger are read, nothing in it is changed.
        output: New folder.
        **options: Those of ``run_tiles``.

    Returns:
        What differs: ``tile``, ``what`` (status or file), ``was``, ``is``; empty when all files of pixels are the same
        bytes. Items are not compared: their links depend on where they lie.

    Raises:
        CatalogError: There is no run, or the new folder holds something else.
    """
    check_known("reproduce_tiles", options, TileRunOptions)
    old, new = Path(run).absolute(), Path(output).absolute()
    if old.name == RUN:
        old = old.parent
    document = read_run(old)
    _copy(old, new, document)
    run_tiles(new, **options)
    return _differences(document, _state(old), _state(new))


def _copy(old: Path, new: Path, document: dict[str, Any]) -> None:
    if new.exists() and any(new.iterdir()) and not (new / RUN).exists():
        raise CatalogError(f"{new.name} holds something else; name a new folder")
    new.mkdir(parents=True, exist_ok=True)
    catalog = str(document["catalog"])
    if "://" not in catalog:
        catalog = os.path.relpath(os.path.normpath(old / catalog), new)
    shutil.copyfile(old / TASKS, new / TASKS)
    with complete_file(new / RUN) as part:
        part.write_text(json.dumps({**document, "catalog": catalog}, indent=2) + "\n", encoding="utf-8")
    Ledger(new / LEDGER).plan((str(task["tile"]["id"]), str(task["fingerprint"])) for task in read_tasks(new))


def _state(folder: Path) -> dict[str, tuple[str, dict[str, str], str | None]]:
    """Return status, checksums of data files, and reason of every tile that is settled."""
    found = {}
    for entry in Ledger(folder / LEDGER).entries("done", "empty", "failed"):
        files = (entry.result or {}).get("files", {})
        sums = {name: str(file["checksum"]) for name, file in files.items() if not name.endswith(_WORDS)}
        found[entry.key] = (str(entry.status), sums, entry.reason)
    return found


def _differences(document: Mapping[str, Any], old: Mapping[str, Any], new: Mapping[str, Any]) -> list[dict[str, str]]:
    found = []
    for tile, (status, sums, _) in old.items():
        now, fresh, reason = new.get(tile, ("missing", {}, None))
        if now != status:
            found.append({"tile": tile, "what": "status", "was": status, "is": f"{now}: {reason}" if reason else now})
            continue
        found += [
            {"tile": tile, "what": name, "was": sums.get(name, "missing"), "is": fresh.get(name, "missing")}
            for name in sorted(sums.keys() | fresh.keys())
            if sums.get(name) != fresh.get(name)
        ]
    if found:
        now = {"stacaster": __version__, **software_versions()}
        known = document["software"]
        found[:0] = [
            {"tile": "all", "what": name, "was": str(known[name]), "is": text}
            for name, text in now.items() if name in known and str(known[name]) != text
        ]  # fmt: skip
    return found
