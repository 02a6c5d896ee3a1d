"""What became of every item and band of a load: nothing is left out in silence."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from odc.loader._rio import RioDriver, RioReader

from stacaster.http import without_queries

if TYPE_CHECKING:
    import pandas as pd
    import pystac

Status = Literal["read", "failed", "absent", "outside"]
"""Pixels were read; a file could not be read; the item has no such band; nothing of it lies in the cube."""


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


class LoadReport:
    """What became of every item and band. Of a lazy cube it is complete when the cube was computed, in this process."""

    def __init__(self, items: Iterable[pystac.Item], keys: Sequence[str]) -> None:
        self._items, self._keys = list(items), list(keys)
        self._lock = threading.Lock()
        self._read: set[tuple[str, str]] = set()
        self._failed: dict[tuple[str, str], str] = {}

    def note(self, place: tuple[str, str], *, problem: str | None = None) -> None:
        """Note that pixels were read, or that they could not be."""
        with self._lock:
            if problem is None:
                self._read.add(place)
            else:
                self._failed[place] = problem

    @property
    def outcomes(self) -> list[ReadOutcome]:
        """One entry an item and band, in the order of the items."""
        found = []
        for item in self._items:
            for key in self._keys:
                place = (item.id, key)
                status: Status = "outside"
                if key not in item.assets:
                    status = "absent"
                elif place in self._failed:
                    status = "failed"
                elif place in self._read:
                    status = "read"
                found.append(ReadOutcome(item.id, key, status, self._failed.get(place)))
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
        words = ", ".join(f"{counts[status]} {status}" for status in ("read", "failed", "absent", "outside"))
        return f"<LoadReport: {words}>"

    def _repr_html_(self) -> str:
        table = self.to_dataframe().pivot_table(index="item_id", columns="band", values="status", aggfunc="first")
        return f"<p>{repr(self)[1:-1]}</p>{table.to_html(escape=True)}"


class ReportingDriver(RioDriver):  # type: ignore[misc]
    """odc-loader's rasterio driver, which tells a report what it did.

    Args:
        report: The report.
        places: Item id and asset key by address, as odc-stac opens it.
        goes_on: True notes a file that cannot be read and goes on, False lets the error through.
    """

    def __init__(self, report: LoadReport, places: dict[str, tuple[str, str]], *, goes_on: bool) -> None:
        super().__init__()
        self._report, self._places, self._goes_on = report, places, goes_on

    def open(self, src: Any, ctx: Any) -> Any:
        """Return a reader for one file."""
        return _Reader(src, ctx, self._tell(src.uri), goes_on=self._goes_on)

    def _tell(self, address: str) -> Callable[[str | None], None]:
        place = self._places.get(address)

        def tell(problem: str | None) -> None:
            if place is not None:
                self._report.note(place, problem=problem)

        return tell


class _Reader(RioReader):  # type: ignore[misc]
    def __init__(self, src: Any, ctx: Any, tell: Callable[[str | None], None], *, goes_on: bool) -> None:
        super().__init__(src, ctx)
        self._tell, self._goes_on = tell, goes_on

    def read(self, cfg: Any, dst_geobox: Any, *, dst: Any = None, selection: Any = None) -> Any:
        """Read what of the file lies in a block of the cube."""
        import numpy as np

        try:
            roi, pixels = super().read(cfg, dst_geobox, dst=dst, selection=selection)
        except Exception as error:
            self._tell(" ".join(without_queries(str(error)).split()) or type(error).__name__)
            if not self._goes_on:
                raise
            empty = np.s_[0:0, 0:0]
            return empty, (np.ndarray((0, 0), dtype=cfg.dtype) if dst is None else dst[empty])
        if pixels.size:
            self._tell(None)
        return roi, pixels
