"""Stacks in one go: found, downloaded, with orbits, elevation, pairs and pictures, and taken into a catalog."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Unpack

from stacaster.access.fetch import FetchReport
from stacaster.access.footprints import draw_footprints
from stacaster.access.search import GranuleSearch
from stacaster.access.search.baselines import plot_baselines, write_pairs
from stacaster.analysis.stacks import nearest_pairs
from stacaster.errors import ExportError, NothingFoundError
from stacaster.files.names import safe_id
from stacaster.ingest import ingest
from stacaster.model import Report
from stacaster.model.checked import checked
from stacaster.model.stack_options import StackOptions
from stacaster.sar.config import StackConfig
from stacaster.sar.download import download_stacks, folder_names
from stacaster.sar.elevation import Dem, make_dem
from stacaster.sar.find import find_stacks
from stacaster.sar.orbits import OrbitOutcome, fetch_orbits, orbit_vectors

Progress = Callable[[str, str, int, int | None], None]
"""Called with the step (``download``, ``orbits``, ``dem``, ``ingest``), a name, what is done, and the total."""


@dataclass(frozen=True, kw_only=True)
class StackResult:
    """What became of a run over stacks."""

    found: GranuleSearch
    """The granules, in stacks."""
    folders: Mapping[str, Path] = field(default_factory=dict)
    """Folder of each stack."""
    downloads: FetchReport = field(default_factory=lambda: FetchReport(()))
    """What became of each download."""
    orbits: tuple[OrbitOutcome, ...] = ()
    """What became of each orbit."""
    dems: Mapping[str, Dem] = field(default_factory=dict)
    """DEM of each stack."""
    report: Report | None = None
    """What the catalog took in."""
    notes: tuple[str, ...] = ()
    """What could not be done, and why."""

    @property
    def errors(self) -> list[str]:
        """Names of the error classes of what failed."""
        failed = [outcome.error for outcome in self.downloads.failed]
        failed += [orbit.error for orbit in self.orbits if orbit.path is None]
        failed += [] if self.report is None else [outcome.error for outcome in self.report.failed]
        return [name or "StacasterError" for name in failed]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "stacks": self.found.summary(scenes=True),
            "folders": {name: str(path) for name, path in self.folders.items()},
            **self.downloads.to_dict(),
            "orbits": [orbit.to_dict() for orbit in self.orbits],
            "dems": {name: dem.to_dict() for name, dem in self.dems.items()},
            "catalog": None if self.report is None else self.report.to_dict(),
            "notes": list(self.notes),
        }


@checked
def stack(
    config: StackConfig | Mapping[str, Any] | str | os.PathLike[str] | None = None,
    *,
    dry_run: bool = False,
    progress: Progress | None = None,
    **options: Unpack[StackOptions],
) -> StackResult:
    """Find stacks, download them into ``<output>/p<path>_f<frame>/``, and make what goes with them.

    Beside the granules lie ``footprints.html``; of each stack ``pairs.csv`` and, where orbits are known and matplotlib
    is there, ``baselines.png``; with ``with_orbits`` ``orbits/``; with ``with_dem`` ``dem/``. With ``catalog`` granules
    and DEM become items. The same call after an interruption goes on.

    Args:
        config: A ``StackConfig``, a table, or a TOML file.
        dry_run: Only find and group; write nothing.
        progress: Called as the work goes on, from several threads.
        **options: Options of ``StackConfig``, also by their names in asf_search.

    Raises:
        UsageError: An option is not known or cannot be understood.
        NothingFoundError: No granule fits.
        SearchError, FetchError: A service does not answer.
        SpaceError: The disk has not enough room.
    """
    asked = StackConfig.build(config, **options)
    found = find_stacks(asked)
    if not len(found):
        raise NothingFoundError("no granule fits; fewer conditions, a larger area or a longer time may find some")
    if dry_run:
        return StackResult(found=found)
    tell = progress or (lambda *_: None)
    root, notes = Path(asked.output), []
    if asked.with_dem and asked.heights == "ellipsoid":
        from stacaster.sar.elevation.geoid import find_geoid

        # What cannot work is said before gigabytes are downloaded.
        find_geoid(asked.geoid)
    files = download_stacks(
        found, root, workers=asked.workers, progress=lambda name, done, total: tell("download", name, done, total)
    )
    orbits: list[OrbitOutcome] = []
    if asked.with_orbits:
        orbits = fetch_orbits(
            found,
            root / "orbits",
            margin_before_s=asked.margin_before_s,
            margin_after_s=asked.margin_after_s,
            progress=lambda done, total, name: tell("orbits", name, done, total),
        )
    dems = _dems(found, asked, root, tell) if asked.with_dem else {}
    notes += _pictures(found, asked, root, orbits)
    try:
        below = next((dem.path for dem in dems.values()), None)
        draw_footprints(found, root / "footprints.html", area=found.area, basemap=below)
    except NothingFoundError as error:
        notes.append(str(error))
    report = None
    if asked.catalog is not None:
        report = ingest(
            [path for path in files.report.files if path.suffix != ".json"],
            catalog=asked.catalog,
            keep_files=asked.keep_files,
            progress=lambda done, total, outcome: tell("ingest", outcome.granule, done, total),
        )  # fmt: skip
    return StackResult(
        found=found, folders=files.folders, downloads=files.report, orbits=tuple(orbits), dems=dems, report=report,
        notes=tuple(notes),
    )  # fmt: skip


def _dems(found: GranuleSearch, asked: StackConfig, root: Path, tell: Progress) -> dict[str, Dem]:
    return {
        one.name: make_dem(
            one.granules, root / "dem", heights=asked.heights, geoid=asked.geoid, catalog=asked.catalog,
            progress=lambda name, done, total: tell("dem", name, done, total),
        )
        for one in found.stacks
    }  # fmt: skip


def _pictures(found: GranuleSearch, asked: StackConfig, root: Path, orbits: list[OrbitOutcome]) -> list[str]:
    """Write pairs and baselines; return what could not be."""
    notes = []
    names = folder_names(found)
    for one, entry in zip(found.stacks, found.baselines(vectors=orbit_vectors(found, orbits)), strict=True):
        folder = root / names[one.granules[0].id]
        folder.mkdir(parents=True, exist_ok=True)
        pairs = nearest_pairs(entry.baselines, neighbours=asked.neighbours, max_days=asked.max_days)
        write_pairs(pairs, folder / "pairs.csv")
        try:
            plot_baselines([entry], folder / "baselines.png", pairs=pairs)
        except (ExportError, NothingFoundError) as error:
            notes.append(f"{safe_id(one.name)}: {error}")
    return notes
