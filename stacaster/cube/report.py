"""What became of every item and band of a load: nothing is left out in silence.

Decision: workers of ``dask.distributed`` report to the scheduler, as events under a name of the report and with a
digest in place of the address, which may hold a signature; ``LoadReport`` asks the client. What nobody reported is
``unread``, never ``outside``.
"""

from __future__ import annotations

import hashlib
import secrets
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from stacaster.cube.lattice import asset_geobox, extent_in
from stacaster.errors import UsageError
from stacaster.network.http import without_queries

if TYPE_CHECKING:
    import pandas as pd
    import pystac
    from odc.geo.geobox import GeoBox

    from stacaster.cube.pipeline.plan import SceneBand

Status = Literal["read", "failed", "absent", "outside", "unread"]
"""Pixels were read; a file could not be read; the item has no such band; nothing of it lies in the cube; it lies in a
lazy cube of which that part was not computed yet."""


@dataclass(frozen=True)
class ReadOutcome:
    """What became of one band of one item."""

    item_id: str
    """Id of the item."""
    band: str
    """Key of the asset."""
    status: Status
    """Result."""
    reason: str | None = None
    """Why it failed."""
    fallback: str | None = None
    """Why rasterio read it, or tried to, in place of stacaster's own reader; None where it did not."""
    contradiction: str | None = None
    """What item and file say differently, and what counts; None where they agree."""


class LoadReport:
    """What became of every item and band.

    Of a lazy cube it is complete when the cube was computed: in this process, or by workers of ``dask.distributed``,
    whose client is asked as long as it is connected.
    """

    def __init__(self, items: Iterable[pystac.Item], keys: Sequence[str]) -> None:
        self._items, self._keys = list(items), list(keys)
        self.name = f"stacaster-{secrets.token_hex(8)}"
        """Under this name workers tell of it."""
        self._grid: GeoBox | None = None
        self._is_lazy = False
        self._lock = threading.Lock()
        self._read: set[tuple[str, str]] = set()
        self._failed: dict[tuple[str, str], str] = {}
        self._fallback: dict[tuple[str, str], str] = {}
        self._contradictions: dict[tuple[str, str], list[str]] = {}
        self.remarks: list[str] = []
        """What was done differently from what was asked."""

    def note(self, place: tuple[str, str], *, problem: str | None = None, fallback: str | None = None) -> None:
        """Note that pixels were read, or that they could not be, and why rasterio did it."""
        with self._lock:
            if fallback is not None:
                self._fallback[place] = fallback
            if problem is None:
                self._read.add(place)
            else:
                self._failed[place] = problem

    def contradict(self, place: tuple[str, str], texts: Sequence[str]) -> None:
        """Note what item and file say differently."""
        self._contradictions.setdefault(place, []).extend(texts)

    def say(self, text: str) -> None:
        """Note what is done differently from what was asked."""
        if text not in self.remarks:
            self.remarks.append(text)

    def on_grid(self, grid: GeoBox, *, is_lazy: bool) -> None:
        """Say which grid the cube has, and whether its pixels are read later."""
        self._grid, self._is_lazy = grid, is_lazy

    def _gather(self) -> None:
        """Note what workers elsewhere told."""
        distributed = sys.modules.get("distributed")
        if distributed is None or not self._is_lazy:
            return
        try:
            events = distributed.get_client().get_events()
        except (ValueError, OSError):
            return
        known = {_digest("/".join((item.id, key))): (item.id, key) for item in self._items for key in self._keys}
        for topic, entries in events.items():
            for _, (digest, problem, fallback) in entries if str(topic).startswith(self.name) else ():
                if digest in known:
                    self.note(known[digest], problem=problem, fallback=fallback)

    def _is_outside(self, item: pystac.Item, key: str) -> bool:
        source = asset_geobox(item, key)
        if not self._is_lazy or self._grid is None or source is None:
            return not self._is_lazy
        own = extent_in(source, self._grid.crs)
        return not own.intersects(self._grid.extent)

    @property
    def outcomes(self) -> list[ReadOutcome]:
        """One entry an item and band, in the order of the items."""
        self._gather()
        found = []
        for item in self._items:
            for key in self._keys:
                place = (item.id, key)
                status: Status = "unread"
                if key not in item.assets:
                    status = "absent"
                elif place in self._failed:
                    status = "failed"
                elif place in self._read:
                    status = "read"
                elif self._is_outside(item, key):
                    status = "outside"
                found.append(ReadOutcome(item.id, key, status, self._failed.get(place), self._fallback.get(place),
                                         "; ".join(self._contradictions.get(place, ())) or None))  # fmt: skip
        return found

    def of(self, status: Status) -> list[ReadOutcome]:
        """Return the entries of one status."""
        return [entry for entry in self.outcomes if entry.status == status]

    def to_dataframe(self) -> pd.DataFrame:
        """Return one row an item and band."""
        import pandas as pd

        return pd.DataFrame([vars(entry) for entry in self.outcomes])

    def __repr__(self) -> str:
        counts = Counter(entry.status for entry in self.outcomes)
        known: tuple[Status, ...] = ("read", "failed", "absent", "outside", "unread")
        said = [status for status in known if status != "unread" or counts[status]]
        words = ", ".join(f"{counts[status]} {status}" for status in said)
        odd = sum(entry.contradiction is not None for entry in self.outcomes)
        more = "".join([f", {odd} with contradictions" if odd else "", *(f"; {text}" for text in self.remarks)])
        return f"<LoadReport: {words}{more}>"

    def _repr_html_(self) -> str:
        table = self.to_dataframe().pivot_table(index="item_id", columns="band", values="status", aggfunc="first")
        from stacaster.cube.notebook import items_html

        return f"<p>{repr(self)[1:-1]}</p>{table.to_html(escape=True)}{items_html(self._items)}"


class ReportingDriver:
    """A reader driver of odc-loader, which tells a report what it did.

    Args:
        report: The report.
        goes_on: True notes a file that cannot be read and goes on, False lets the error through.
        driver: The driver that reads.
    """

    def __init__(self, report: LoadReport, *, goes_on: bool, driver: Any) -> None:
        self._report: LoadReport | None = report
        self.name, self.goes_on, self.is_quiet = report.name, goes_on, True
        self.inner = driver

    def __getstate__(self) -> dict[str, Any]:
        # A worker elsewhere gets neither items nor addresses with every task; it tells the scheduler.
        return {**self.__dict__, "_report": None}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name in {"inner", "goes_on", "name", "is_quiet"}:
            raise AttributeError(name)
        return getattr(self.inner, name)

    def note(self, scene: SceneBand, problem: str | None, fallback: str | None) -> None:
        """Note what became of a file: what is wrong, and why rasterio read it."""
        if self._report is None:
            _tell_scheduler(self.name, "/".join(scene.place), problem, fallback)
        else:
            self._report.note(scene.place, problem=problem, fallback=fallback)


_told: set[tuple[str, str, str | None, str | None]] = set()


def _tell_scheduler(name: str, place: str, problem: str | None, fallback: str | None) -> None:
    """Tell of one file once, by a digest of item and band."""
    import distributed

    entry = (name, _digest(place), problem, fallback)
    if entry in _told:
        return
    _told.add(entry)
    try:
        worker = distributed.get_worker()
    except ValueError:
        return  # a process of another scheduler: the report says that it does not know
    # A scheduler keeps so many entries a topic.
    worker.log_event(f"{name}-{entry[1][:2]}", [*entry[1:]])


def _digest(place: str) -> str:
    return hashlib.sha256(place.encode()).hexdigest()[:24]


def problem_of(error: BaseException) -> str:
    """Return what is wrong in one line, without the secrets of addresses."""
    # rasterio's own words lead to those of GDAL, which say what is wrong.
    said = str(error.__cause__ or error)
    return " ".join(without_queries(said).split()) or type(error).__name__


_DRIVERS = "stacaster.driver (the default), rio (odc-loader's own), or a reader driver of odc-loader that opens rasters"


def driver_of(driver: Any) -> Any:
    """Return a reader driver from its name, class or itself; our own by default.

    Raises:
        UsageError: It is none, or one that does not read files of pixels.
    """
    if driver is None:
        from stacaster.geotiff.driver import Driver

        return Driver()
    from odc.loader import reader_driver
    from odc.loader.types import is_reader_driver

    try:
        result = reader_driver(driver) if isinstance(driver, str) else driver() if isinstance(driver, type) else driver
    except (ValueError, TypeError, ImportError) as error:
        raise UsageError(f"driver={driver!r} is not known; {_DRIVERS}") from error
    if type(result).__module__.startswith("odc.loader._zarr"):
        raise UsageError(f"driver={driver!r} reads stores of Zarr, and items of rasters have none; {_DRIVERS}")
    if not is_reader_driver(result):
        raise UsageError(f"driver={driver!r} is no reader driver; {_DRIVERS}")
    return result
