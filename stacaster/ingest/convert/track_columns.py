"""Columns of tables of tracks: which datasets belong to which rows, and the schema of the file."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pyarrow as pa

from stacaster.model import OpenTracks, TrackColumn, TrackTable

Shapes = Mapping[str, tuple[tuple[int, ...], str]]
"""Shape and type of datasets by their path below a beam."""

Rate = Literal["row", "segment", "moment"]
"""How often a dataset has a value: a row of the table, a segment, or a moment that segments are joined to by time."""

MOMENTS = "bckgrd_atlas"
"""Group whose values belong to the segments that begin after them."""


def rate_of(path: str, shapes: Shapes, table: TrackTable) -> Rate | None:
    """Return how a dataset belongs to the rows of a table; None for one that does not.

    Its group says so, and its length has to fit: groups of other lengths stand beside, and lengths may be the same by
    chance.

    Args:
        path: Dataset below the beam.
        shapes: Datasets of the beam.
        table: The table.
    """
    if path not in shapes or len(shapes[path][0]) > 2 or table.rows not in shapes:
        return None
    length, group = shapes[path][0][0], _group(path)
    if group == _group(table.rows):
        return "row" if length == shapes[table.rows][0][0] else None
    if table.segment_count is None or table.segment_count not in shapes:
        return None
    if group in table.segment_groups:
        return "segment" if length == shapes[table.segment_count][0][0] else None
    moments = shapes.get(f"{MOMENTS}/delta_time")
    is_timed = group == MOMENTS and moments is not None and length == moments[0][0] > 0
    return "moment" if is_timed and f"{_group(table.segment_count)}/delta_time" in shapes else None


def _group(path: str) -> str:
    return path.partition("/")[0] if "/" in path else ""


def datasets_of(granule: OpenTracks, beams: Sequence[str]) -> dict[str, tuple[tuple[int, ...], str]]:
    """Return the datasets of all beams; of one that several have, those of the first."""
    found: dict[str, tuple[tuple[int, ...], str]] = {}
    for beam in beams:
        for path, described in granule.variables(beam).items():
            found.setdefault(path, described)
    return found


def choose_columns(
    granule: OpenTracks,
    beams: Sequence[str],
    table: TrackTable,
    patterns: Sequence[str],
    notes: list[str],
    *,
    classes: OpenTracks | None = None,
) -> tuple[TrackColumn, ...]:
    """Return the columns that a beam has: those of the table, and those that were asked for.

    Args:
        granule: The open granule.
        beams: Beams that have rows.
        table: The table.
        patterns: Paths with * and ?, or their ends.
        notes: Takes what a user has to know.
        classes: ATL08 granule of the photons, whose datasets patterns may mean, too.
    """
    owner: dict[str, str] = {}
    for beam in reversed(beams):
        there = granule.variables(beam)
        owner |= {path: beam for path in there if rate_of(path, there, table) is not None}
    everything = datasets_of(granule, beams)
    kept = [column for column in table.columns if column.path in owner and _has_type(column, everything)]
    absent = [column.name for column in table.columns if column.path not in owner]
    if absent:
        notes.append(f"{table.name}: the granule lacks {', '.join(absent)}")
    for column in kept:
        without = [beam for beam in beams if rate_of(column.path, granule.variables(beam), table) is None]
        if without:
            notes.append(f"{table.name}: no {column.name} of {', '.join(without)}")
    taken, names = {column.path for column in kept}, {column.name for column in kept}
    for pattern in patterns:
        wanted = [path for path in everything if _fits(path, pattern)]
        is_elsewhere = not wanted and classes is not None and is_dataset_of(classes, beams, pattern)
        if not any(path in owner for path in wanted) and not is_elsewhere:
            has = "has a value a row or a segment" if wanted else "is there"
            notes.append(f"{table.name}: no dataset called {pattern} {has}")
        for path in sorted(set(wanted) & set(owner) - taken):
            name = path.rpartition("/")[2]
            name = name if name not in names | BESIDE else path.replace("/", "_")
            words, unit = granule.text(owner[path], path)
            kept.append(TrackColumn(name=name, path=path, description=words or path, unit=unit))
            taken.add(path)
            names.add(name)
    return tuple(kept)


def _has_type(column: TrackColumn, there: Mapping[str, tuple[tuple[int, ...], str]]) -> bool:
    return not column.types or there[column.path][1] in column.types


def is_dataset_of(granule: OpenTracks, beams: Sequence[str], pattern: str) -> bool:
    """Tell whether a pattern of variables fits a dataset of a granule."""
    known = [beam for beam in beams if beam in granule.content.groups]
    return any(_fits(path, pattern) for path in datasets_of(granule, known))


def _fits(path: str, pattern: str) -> bool:
    return fnmatch.fnmatch(path, pattern) or fnmatch.fnmatch(path, f"*/{pattern}")


def schema_of(
    granule: OpenTracks,
    beams: Sequence[str],
    table: TrackTable,
    columns: Sequence[TrackColumn],
    *,
    has_classes: bool,
    land: Sequence[tuple[TrackColumn, str]] = (),
    place: Sequence[tuple[str, pa.DataType, str]] = (),
) -> pa.Schema:
    """Return the schema of a table.

    Args:
        granule: The open granule.
        beams: Beams that have rows.
        table: The table.
        columns: From ``choose_columns``.
        has_classes: Whether photons get classes of ATL08.
        land: Columns of ATL08 segments, each with its type.
        place: Columns that say where rows come from: name, type and meaning.
    """
    there = datasets_of(granule, beams)
    fields = [
        _field("time", pa.timestamp("us", tz="UTC"), "Time, UTC"),
        _field("longitude", pa.float64(), "Longitude, degrees"),
        _field("latitude", pa.float64(), "Latitude, degrees"),
        _field("beam", pa.string(), "Ground track"),
        *(_field(*column) for column in place),
    ]
    if table.segment_count is not None:
        fields.append(_field("x_atc", pa.float64(), "Distance from the equator along the track, m"))
        fields.append(_field("background", pa.float32(), "Background photons a second"))
        fields.append(_field("speed", pa.float32(), "Speed of the satellite, m/s"))
    if table.cells is not None:
        fields.append(_field("cell", pa.int8(), "Number of the cell in its segment, from 0"))
    for column in columns:
        shape, kind = there[column.path]
        value = pa.from_numpy_dtype(np.dtype(kind))
        is_list = len(shape) == 2 and shape[1] != table.cells
        words = column.description + (f", {column.unit}" if column.unit else "")
        fields.append(_field(column.name, pa.list_(value, shape[1]) if is_list else value, words))
    if has_classes:
        fields.append(_field("class", pa.int8(), "ATL08: 0 noise, 1 ground, 2 canopy, 3 top of canopy"))
        fields.append(_field("height_above_ground", pa.float32(), "ATL08: height above ground, m"))
    for column, kind in land:
        words = column.description + (f", {column.unit}" if column.unit else "")
        fields.append(_field(column.name, pa.from_numpy_dtype(np.dtype(kind)), words))
    return pa.schema(fields)


BESIDE = frozenset({
    "time", "longitude", "latitude", "beam", "spot", "strong", "rgt", "cycle", "region", "x_atc", "background", "speed",
    "cell", "class", "height_above_ground", "geometry", "bbox", "item_id",
})  # fmt: skip
"""Names that columns of the file's own datasets do not get."""


def _field(name: str, kind: pa.DataType, words: str) -> pa.Field:
    return pa.field(name, kind, metadata={"description": words})
