"""Rows of a beam as Arrow arrays: values of segments spread over their photons, cells of segments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa

from stacaster.errors import ReadError
from stacaster.ingest.convert.track_columns import MOMENTS, rate_of
from stacaster.instruments import icesat2
from stacaster.model import OpenTracks, TrackColumn, TrackTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROWS = 1 << 20


class Beam:
    """Gives the rows of a table of one beam as Arrow arrays.

    Args:
        granule: The open granule.
        beam: Name of the beam.
        table: The table.
        columns: Its columns.
        schema: Schema of the table.
        said: What all rows share: ``spot``, ``strong``, ``rgt``, ``cycle``, ``region``; None for what is not known.
        area: GeoJSON geometry in degrees; points outside are left out.
    """

    def __init__(
        self,
        granule: OpenTracks,
        beam: str,
        table: TrackTable,
        columns: Sequence[TrackColumn],
        *,
        schema: pa.Schema,
        said: Mapping[str, Any],
        area: Mapping[str, Any] | None,
    ) -> None:
        self.granule, self.name, self.table = granule, beam, table
        self._columns, self._schema, self._said = columns, schema, said
        self._shapes = granule.variables(beam)
        self.count = self._shapes[table.rows][0][0]
        self._area = None
        if area is not None:
            import shapely

            self._area = shapely.geometry.shape(dict(area))
            shapely.prepare(self._area)
        self._is_whole = False
        self.segments = self._segments_of_rows()
        self._epoch = icesat2.epoch_of(granule.content)
        self.classes: tuple[NDArray[Any], NDArray[Any]] | None = None
        self.land: list[tuple[NDArray[Any], NDArray[Any]]] = []
        """Values of ATL08 segments for each segment of the beam, and where there are none."""
        self._kept: dict[str, tuple[NDArray[Any], NDArray[Any] | None]] = {}
        self._made: dict[str, list[tuple[NDArray[Any], NDArray[Any] | None]]] = {}
        self._begun: NDArray[np.int64] | None = None

    def _segments_of_rows(self) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
        """Return first row and number of rows of each segment.

        Counts are trusted where they add up to all rows: first rows that files state are off by one in some.
        """
        table = self.table
        if table.segment_count is None or table.segment_count not in self._shapes:
            return None
        count = self.granule.read(self.name, table.segment_count)[0].astype(np.int64)
        first = np.concatenate([[0], np.cumsum(count)[:-1]]) if count.size else count
        self._is_whole = int(count.sum()) == self.count > 0
        if int(count.sum()) != self.count:
            if table.segment_first is None or table.segment_first not in self._shapes:
                raise self._unfit(int(count.sum()))
            first = self.granule.read(self.name, table.segment_first)[0].astype(np.int64) - 1
            is_there = (count > 0) & (first >= 0)
            if (first[is_there] + count[is_there]).max(initial=0) > self.count:
                raise self._unfit(int(count.sum()))
            count = np.where(is_there, count, 0)
        return first, count

    def _unfit(self, total: int) -> ReadError:
        text = f"{self.name}: segments count {total} photons, but there are {self.count}"
        return ReadError(text, granule=self.granule.content.name)

    def segment_of(self, rows: slice) -> NDArray[np.int64]:
        """Return the segment of each row; -1 for rows of no segment."""
        assert self.segments is not None
        first, count = self.segments
        if self._is_whole:
            ends = first + count
            begin, last = (int(place) for place in np.searchsorted(ends, (rows.start, rows.stop - 1), side="right"))
            inside = np.minimum(ends[begin : last + 1], rows.stop) - np.maximum(first[begin : last + 1], rows.start)
            return np.repeat(np.arange(begin, last + 1), inside)
        used = np.flatnonzero(count > 0)
        used = used[np.argsort(first[used], kind="stable")]
        place = np.arange(rows.start, rows.stop)
        found = np.full(place.size, -1, dtype=np.int64)
        if not used.size:
            return found
        number = np.searchsorted(first[used], place, side="right") - 1
        inside = number >= 0
        segment = used[np.maximum(number, 0)]
        inside &= place < first[segment] + count[segment]
        found[inside] = segment[inside]
        return found

    def parts(self) -> Iterator[tuple[list[pa.Array], NDArray[Any], NDArray[Any]]]:
        """Yield arrays in the order of the schema, longitudes and latitudes."""
        for start in range(0, self.count, _ROWS):
            rows = slice(start, min(start + _ROWS, self.count))
            part = self._cells(rows) if self.table.cells is not None else self._rows(rows)
            if part is not None:
                yield part

    def _where(self, rows: slice) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_]]:
        x, no_x = self.granule.read(self.name, self.table.longitude, rows)
        y, no_y = self.granule.read(self.name, self.table.latitude, rows)
        x, y = x.astype(np.float64), y.astype(np.float64)
        keep = (np.abs(x) <= 360) & (np.abs(y) <= 90)
        for none in (no_x, no_y):
            keep &= True if none is None else ~none
        if self._area is not None:
            import shapely

            west, south, east, north = self._area.bounds
            keep &= (x >= west) & (x <= east) & (y >= south) & (y <= north)
            near = np.nonzero(keep)
            keep[near] = shapely.intersects_xy(self._area, x[near], y[near])
        return x, y, keep

    def _rows(self, rows: slice) -> tuple[list[pa.Array], NDArray[Any], NDArray[Any]] | None:
        x, y, keep = self._where(rows)
        if not keep.any():
            return None
        # What lies before the first and behind the last point is not read.
        inside = np.flatnonzero(keep)
        first, last = int(inside[0]), int(inside[-1]) + 1
        rows = slice(rows.start + first, rows.start + last)
        x, y, keep = x[first:last], y[first:last], keep[first:last]
        pick: Any = slice(None) if keep.all() else np.flatnonzero(keep)
        x, y = x[pick], y[pick]
        arrays = self._head(rows, pick, x, y)
        segment = None if self.segments is None else self.segment_of(rows)[pick]
        if self.table.segment_count is not None:
            arrays.append(self._along_track(rows, pick, segment))
            for values, none in self._of_fit():
                is_there = segment is not None and values.size > 0
                arrays.append(_spread(values, none, cast("Any", segment)) if is_there else _nulls(pick, rows))
        for column in self._columns:
            arrays.append(self._column(column, rows, pick, segment, x.size))
        if self.classes is not None:
            classes, heights = (part[rows][pick] for part in self.classes)
            arrays += [pa.array(classes, mask=classes < 0), pa.array(heights, mask=np.isnan(heights))]
            for values, none in self.land:
                is_there = segment is not None and values.size > 0
                empty = pa.nulls(_size(pick, rows), pa.from_numpy_dtype(values.dtype))
                arrays.append(_spread(values, none, cast("Any", segment)) if is_there else empty)
        return arrays, x, y

    def _column(
        self, column: TrackColumn, rows: slice, pick: Any, segment: NDArray[np.int64] | None, count: int
    ) -> pa.Array:
        """Return a column; nulls where the beam lacks what others have."""
        rate, kind = rate_of(column.path, self._shapes, self.table), self._schema.field(column.name).type
        if rate is None or (rate != "row" and (segment is None or not (segment >= 0).any())):
            return pa.nulls(count, kind)
        if rate == "row":
            values, none = self.granule.read(self.name, column.path, rows)
            found = _arrow(values[pick], None if none is None else none[pick])
        else:
            assert segment is not None
            values, none = self._of_segments(column.path)
            found = _spread(values, none, self._moments(segment) if rate == "moment" else segment)
        return found if found.type == kind else found.cast(kind)

    def _head(self, rows: slice, pick: Any, x: NDArray[Any], y: NDArray[Any]) -> list[pa.Array]:
        seconds, none = self.granule.read(self.name, self.table.time, rows)
        seconds = np.where(none, 0, seconds) if none is not None else seconds
        moments = icesat2.microseconds(seconds[pick], self._epoch)
        time = pa.array(moments.astype(np.int64), mask=None if none is None else none[pick])
        same = [pa.repeat(pa.scalar(value, self._schema.field(name).type), x.size)
                for name, value in {"beam": self.name, **self._said}.items()]  # fmt: skip
        return [time.cast(pa.timestamp("us", tz="UTC")), pa.array(x), pa.array(y), *same]

    def _of_segments(self, path: str) -> tuple[NDArray[Any], NDArray[Any] | None]:
        if path not in self._kept:
            self._kept[path] = self.granule.read(self.name, path)
        return self._kept[path]

    def _along_track(self, rows: slice, pick: Any, segment: NDArray[np.int64] | None) -> pa.Array:
        """Return the distance from the equator: that of the segment and the way within it."""
        names = ("geolocation/segment_dist_x", "heights/dist_ph_along")
        if segment is None or not (segment >= 0).any() or any(name not in self._shapes for name in names):
            return pa.nulls(_size(pick, rows), pa.float64())
        start, none = self._of_segments(names[0])
        along, missing = self.granule.read(self.name, names[1], rows)
        there = segment >= 0
        if none is not None:
            there &= ~none[np.maximum(segment, 0)]
        if missing is not None:
            there &= ~missing[pick]
        return pa.array(start[np.maximum(segment, 0)] + along[pick].astype(np.float64), mask=~there)

    def _moments(self, segment: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the row of the background that began last before each segment; -1 for no segment.

        Segments before the first row get the first, as at SlideRule: it may begin a moment late.
        """
        if self._begun is None:
            moments = self.granule.read(self.name, f"{MOMENTS}/delta_time")[0]
            begins = self.granule.read(self.name, "geolocation/delta_time")[0]
            self._begun = np.maximum(np.searchsorted(moments, begins, side="right") - 1, 0)
        return np.where(segment < 0, -1, self._begun[np.maximum(segment, 0)])

    def _of_fit(self) -> list[tuple[NDArray[Any], NDArray[Any] | None]]:
        """Return background rate and speed of each segment: what fits of surfaces need."""
        if "fit" not in self._made:
            count = 0 if self.segments is None else self.segments[0].size
            nothing: tuple[Any, Any] = np.zeros(count, np.float32), np.ones(count, dtype=bool)
            rate = speed = nothing
            if rate_of(f"{MOMENTS}/bckgrd_rate", self._shapes, self.table) == "moment":
                rates, none = self.granule.read(self.name, f"{MOMENTS}/bckgrd_rate")
                place = self._moments(np.arange(count))
                missing = place < 0
                place = np.maximum(place, 0)
                rate = rates[place].astype(np.float32), missing if none is None else missing | none[place]
            if "geolocation/velocity_sc" in self._shapes:
                velocity, none = self.granule.read(self.name, "geolocation/velocity_sc")
                size = np.sqrt((velocity.astype(np.float64) ** 2).sum(axis=1)).astype(np.float32)
                speed = size, np.zeros(size.size, dtype=bool) if none is None else none.any(axis=1)
            self._made["fit"] = [rate, speed]
        return self._made["fit"]

    def _cells(self, rows: slice) -> tuple[list[pa.Array], NDArray[Any], NDArray[Any]] | None:
        cells = self.table.cells or 1
        x, y, keep = self._where(rows)
        if not keep.any():
            return None
        row, cell = np.nonzero(keep)
        arrays = self._head(rows, row, x[row, cell], y[row, cell])
        arrays.append(pa.array(cell.astype(np.int8)))
        for column in self._columns:
            if rate_of(column.path, self._shapes, self.table) is None:
                arrays.append(pa.nulls(row.size, self._schema.field(column.name).type))
                continue
            values, none = self.granule.read(self.name, column.path, rows)
            place = (row, cell) if values.ndim == 2 and values.shape[1] == cells else (row,)
            arrays.append(_arrow(values[place], None if none is None else none[place]))
        return arrays, x[row, cell], y[row, cell]


def _size(pick: Any, rows: slice) -> int:
    return rows.stop - rows.start if isinstance(pick, slice) else int(pick.size)


def _nulls(pick: Any, rows: slice) -> pa.Array:
    return pa.nulls(_size(pick, rows), pa.float32())


def _spread(values: NDArray[Any], none: NDArray[Any] | None, segment: NDArray[np.int64]) -> pa.Array:
    place = np.maximum(segment, 0)
    missing = segment < 0
    if none is not None:
        missing = missing[:, None] | none[place] if values.ndim == 2 else missing | none[place]
    elif values.ndim == 2 and missing.any():
        missing = np.broadcast_to(missing[:, None], (segment.size, values.shape[1]))
    return _arrow(values[place], missing if missing.any() else None)


def _arrow(values: NDArray[Any], none: NDArray[Any] | None) -> pa.Array:
    """Return an Arrow array; rows of two-dimensional values become lists of fixed size."""
    if values.ndim == 1:
        return pa.array(values, mask=none)
    flat = pa.array(
        np.ascontiguousarray(values).ravel(), mask=None if none is None else np.ascontiguousarray(none).ravel()
    )
    return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
