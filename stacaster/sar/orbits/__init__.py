"""Orbit files of Sentinel-1: the right one for each granule, from whichever place gives it. One file a place."""

from __future__ import annotations

import datetime as dt
import importlib
import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from stacaster.access.fetch import TransferRules
from stacaster.config import cache_folder
from stacaster.errors import IntegrityError, StacasterError, UsageError, nearest
from stacaster.formats.metadata.eof import OrbitFile, around, parse_name, parse_vectors
from stacaster.model import Granule, GranuleFile, StateVector
from stacaster.model.checked import checked
from stacaster.network.http import RetryPolicy

LOCATIONS = ("aws", "copernicus", "asf")
"""Places in the order in which they are asked: modules of this folder."""

KINDS = ("POEORB", "RESORB")
"""Kinds of orbit files, the better first."""

MARGIN_S = 60.0
"""Seconds before and after a granule that an orbit file must cover."""

_DAY_S = 86_400
_GRANULE = re.compile(r"(S1[A-D])_\w{2}_|S1_\d{6}_")


@dataclass(frozen=True)
class FoundOrbit:
    """An orbit file at a place."""

    orbit: OrbitFile
    """What its name says."""
    file: GranuleFile
    """Where it is."""


class Place(Protocol):
    """What a module of this folder has: ``open_place`` returns one."""

    def find(self, mission: str, kind: str, start: dt.datetime, end: dt.datetime) -> list[FoundOrbit]:
        """Return the files that may cover an interval.

        Raises:
            SearchError: The place does not answer.
            AuthError: It wants a login.
        """
        ...

    def fetch(self, found: FoundOrbit, target: Path, rules: TransferRules | None) -> None:
        """Download a file, checked as far as the place states size or checksum; errors as in ``find``."""
        ...


@dataclass(frozen=True, kw_only=True)
class OrbitOutcome:
    """What became of the orbit of one granule."""

    granule: str
    """Name of the granule."""
    path: Path | None = None
    """The orbit file; None when none was found."""
    kind: str | None = None
    """``POEORB`` or ``RESORB``."""
    place: str | None = None
    """Where it came from; ``cache`` when it was there."""
    reason: str | None = None
    """Why there is none, or why it is no precise one."""
    error: str | None = None
    """Name of the error class."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        row = {key: value for key, value in vars(self).items() if value is not None}
        return row | ({} if self.path is None else {"path": str(self.path)})


@checked
def fetch_orbits(
    granules: Iterable[Granule],
    output: str | os.PathLike[str] | None = None,
    *,
    locations: Sequence[str] = LOCATIONS,
    margin_before_s: float = MARGIN_S,
    margin_after_s: float = MARGIN_S,
    policy: RetryPolicy | None = None,
    rules: TransferRules | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> list[OrbitOutcome]:
    """Download the orbit file of each Sentinel-1 granule: the precise one, else the restituted one.

    A file fits when its validity covers the granule with a margin on both sides; of several precise ones the one that
    was made last is taken, of restituted ones that which leaves most room before the granule. Places are asked in their
    order until one has it. Each file is read after the download: it must be whole, and its state vectors must span what
    its name says.

    Args:
        granules: Sentinel-1 granules; others are left out.
        output: Folder for the files, looked at before any place is asked; default ``orbits`` in the cache.
        locations: Places: ``aws`` (public), ``copernicus`` (account of the Copernicus Data Space), ``asf`` (Earthdata).
        margin_before_s: Seconds before the granule that the file must cover; 6000 is a whole orbit.
        margin_after_s: Seconds after the granule that the file must cover.
        policy: Attempts and time of each question.
        rules: Limits of a transfer.
        progress: Called after each granule with the number done, the total, and the name.

    Returns:
        One entry a granule; those without an orbit say which intervals were looked for, and where.

    Raises:
        UsageError: A place is not known, or the margin is negative.
    """
    unknown = [name for name in locations if name not in LOCATIONS]
    if unknown or not locations:
        raise UsageError(f"locations holds {(unknown or [''])[0]!r}; {nearest((unknown or [''])[0], LOCATIONS)}")
    margins = {"margin_before_s": margin_before_s, "margin_after_s": margin_after_s}
    for name, seconds in margins.items():
        if not 0 <= seconds < _DAY_S:
            raise UsageError(f"{name} is {seconds}, but seconds from 0 to {_DAY_S} are needed")
    folder = Path(output) if output is not None else cache_folder(None) / "orbits"
    search = _Search(folder, locations, (margin_before_s, margin_after_s), policy, rules)
    wanted = [granule for granule in granules if mission_of(granule) is not None]
    found = []
    for done, granule in enumerate(wanted, start=1):
        found.append(search.one(granule))
        if progress is not None:
            progress(done, len(wanted), granule.id)
    return found


def mission_of(granule: Granule) -> str | None:
    """Return ``S1A`` ...; None for granules of other satellites."""
    match = _GRANULE.match(granule.id)
    if match is None:
        return None
    if match[1] is not None:
        return match[1]
    # Names of bursts do not say it.
    text = str(granule.attributes.get("ASF_PLATFORM") or granule.attributes.get("PLATFORM") or "").upper()
    unit = re.search(r"1([A-D])$", text) or re.search(r"S1([A-D])_", str(granule.attributes.get("GROUP_ID") or ""))
    return None if unit is None else f"S1{unit[1]}"


class _Search:
    def __init__(
        self, folder: Path, locations: Sequence[str], margins: tuple[float, float], policy: RetryPolicy | None,
        rules: TransferRules | None,
    ) -> None:  # fmt: skip
        self._folder, self._rules = folder, rules
        self._before, self._after = (dt.timedelta(seconds=seconds) for seconds in margins)
        self._places: dict[str, Place] = {}
        for name in locations:
            module = importlib.import_module(f"{__name__}.{name}")
            self._places[name] = module.open_place(policy)

    def one(self, granule: Granule) -> OrbitOutcome:
        """Return the orbit of a granule."""
        mission = mission_of(granule)
        assert mission is not None
        start, end = granule.start - self._before, granule.end + self._after
        problems: list[tuple[str, StacasterError]] = []
        for kind in KINDS:
            reason = None if kind == KINDS[0] else _why(problems)
            path = self._cached(mission, kind, start, end)
            if path is not None:
                return OrbitOutcome(granule=granule.id, path=path, kind=kind, place="cache", reason=reason)
            for name, place in self._places.items():
                try:
                    path = self._from(place, mission, kind, start, end)
                except StacasterError as error:
                    problems.append((name, error))
                    continue
                if path is not None:
                    return OrbitOutcome(granule=granule.id, path=path, kind=kind, place=name, reason=reason)
        span = f"{start:%Y-%m-%dT%H:%M:%S} to {end:%Y-%m-%dT%H:%M:%S}"
        text = f"no {' or '.join(KINDS)} of {mission} covers {span} at {', '.join(self._places)}{_said(problems)}"
        error_name = type(problems[0][1]).__name__ if problems else "NothingFoundError"
        return OrbitOutcome(granule=granule.id, reason=text, error=error_name)

    def _cached(self, mission: str, kind: str, start: dt.datetime, end: dt.datetime) -> Path | None:
        names = [path.name for path in self._folder.glob(f"{mission}_OPER_AUX_{kind}_*.EOF")]
        for orbit in _best([entry for entry in map(parse_name, names) if entry is not None], kind, start, end):
            path = self._folder / orbit.name
            try:
                read_orbit(path)
            except IntegrityError:
                path.unlink(missing_ok=True)
                continue
            return path
        return None

    def _from(self, place: Place, mission: str, kind: str, start: dt.datetime, end: dt.datetime) -> Path | None:
        listed = {found.orbit.name: found for found in place.find(mission, kind, start, end)}
        orbits = [found.orbit for found in listed.values() if found.orbit.mission == mission]
        problem: StacasterError | None = None
        for orbit in _best(orbits, kind, start, end):
            target = self._folder / orbit.name
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                place.fetch(listed[orbit.name], target, self._rules)
                read_orbit(target)
            except IntegrityError as error:
                # The next best may be good.
                target.unlink(missing_ok=True)
                problem = error
                continue
            return target
        if problem is not None:
            raise problem
        return None


def _best(orbits: Iterable[OrbitFile], kind: str, start: dt.datetime, end: dt.datetime) -> list[OrbitFile]:
    """Return the orbit files that cover an interval, the best first.

    Of precise ones that is the one that was made last. Restituted ones follow each other every hour and a half: that
    whose validity leaves most room before the granule, because programs want the orbit before it, then the newest.
    """
    fitting = [orbit for orbit in orbits if orbit.kind == kind and orbit.covers(start, end)]
    newest_first = sorted(fitting, key=lambda orbit: (orbit.created, orbit.start), reverse=True)
    return newest_first if kind == KINDS[0] else sorted(newest_first, key=lambda orbit: orbit.start)


def _why(problems: Sequence[tuple[str, StacasterError]]) -> str:
    """Return why an orbit is no precise one."""
    return f"no precise orbit could be had{_said(problems)}" if problems else "there is no precise orbit yet"


def _said(problems: Sequence[tuple[str, StacasterError]]) -> str:
    texts = dict.fromkeys(f"{name}: {error}" for name, error in problems)
    return f"; {'; '.join(texts)}" if texts else ""


def read_orbit(path: Path) -> tuple[StateVector, ...]:
    """Return the state vectors of an orbit file, ordered by time.

    Raises:
        IntegrityError: It is no orbit file, is cut, or holds other vectors than its name says.
    """
    try:
        return parse_vectors(path.read_text(encoding="utf-8", errors="replace"), name=path.name)
    except OSError as error:
        raise IntegrityError(f"{path.name} cannot be read: {error.strerror or error}") from error


@checked
def orbit_vectors(granules: Iterable[Granule], orbits: Iterable[OrbitOutcome]) -> dict[str, tuple[StateVector, ...]]:
    """Return state vectors around each granule from its orbit file, as ``GranuleSearch.baselines`` takes them."""
    paths = {orbit.granule: orbit.path for orbit in orbits if orbit.path is not None}
    read: dict[Path, tuple[StateVector, ...]] = {}
    found = {}
    for granule in granules:
        path = paths.get(granule.id)
        if path is not None:
            read.setdefault(path, read_orbit(path))
            found[granule.id] = around(read[path], granule.start)
    return found
