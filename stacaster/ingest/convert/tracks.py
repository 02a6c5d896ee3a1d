"""One granule along a track to verified GeoParquet files: all beams, a million rows at a time."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stacaster.errors import ReadError
from stacaster.files.geoparquet import PointWriter
from stacaster.ingest.convert.class_granule import note_of
from stacaster.ingest.convert.land_segments import choose_land_columns, land_values
from stacaster.ingest.convert.photon_classes import classes_of
from stacaster.ingest.convert.track_columns import BESIDE, choose_columns, is_dataset_of, schema_of
from stacaster.ingest.convert.track_missions import mission_of
from stacaster.ingest.convert.track_rows import Beam
from stacaster.ingest.convert.track_strips import thinned
from stacaster.model import OpenTracks, ReadOptions, TableAsset, TrackTable

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass
class Tracks:
    """What was written of a granule."""

    assets: dict[str, TableAsset] = field(default_factory=dict)
    """Files by table."""
    lines: dict[str, list[NDArray[Any]]] = field(default_factory=dict)
    """Longitudes and latitudes of the points of each beam that its strip needs, by beam."""
    notes: list[str] = field(default_factory=list)
    """What a user has to know."""

    @property
    def rows(self) -> int:
        """Rows of all files."""
        return sum(asset.rows for asset in self.assets.values())


def write_tracks(
    granule: OpenTracks, tables: Sequence[TrackTable], folder: Path, *, options: ReadOptions, classes: OpenTracks | None
) -> Tracks:
    """Write the tables of a granule.

    Args:
        granule: The open granule.
        tables: Tables of its product.
        folder: Where to write, a file a table.
        options: Area, and variables to add.
        classes: ATL08 granule whose classes photons get.

    Raises:
        ReadError: The granule cannot be read, or lacks what every table has.
        WriteError: A file is not what it should be.
    """
    found = Tracks()
    if classes is not None:
        found.notes.append(note_of(granule.content.name, Path(classes.content.name)))
    lacking = []
    for table in tables:
        beams = _beams_of(granule, table, found.notes)
        if beams:
            path = folder / f"{table.name}.parquet"
            _write_table(granule, table, beams, path=path, options=options, classes=classes, found=found)
        else:
            lacking.append(table)
    if len(lacking) == len(tables):
        raise ReadError(f"no beam has {tables[0].rows}", granule=granule.content.name)
    return found


def _beams_of(granule: OpenTracks, table: TrackTable, notes: list[str]) -> list[str]:
    """Return the beams that have rows of a table: places and times of one length."""
    found = []
    for beam in granule.content.groups:
        there = granule.variables(beam)
        needed = [there.get(name, ((-1,), ""))[0] for name in (table.rows, table.longitude, table.latitude, table.time)]
        if min(shape[0] for shape in needed) == max(shape[0] for shape in needed) >= 0:
            found.append(beam)
    missing = [beam for beam in granule.content.groups if beam not in found]
    if missing:
        notes.append(f"no {table.name} of {', '.join(missing)}")
    return found


def _write_table(
    granule: OpenTracks,
    table: TrackTable,
    beams: Sequence[str],
    *,
    path: Path,
    options: ReadOptions,
    classes: OpenTracks | None,
    found: Tracks,
) -> None:
    mission = mission_of(granule.content)
    if table.segment_count is None:
        # Only photons have classes.
        classes = None
    columns = choose_columns(granule, beams, table, options.variables, found.notes, classes=classes)
    taken = frozenset(column.name for column in columns) | BESIDE
    land = [] if classes is None else choose_land_columns(
        classes, beams, [name for name in options.variables if not is_dataset_of(granule, beams, name)], taken
    )  # fmt: skip
    schema = schema_of(
        granule, beams, table, columns, has_classes=classes is not None, land=land, place=mission.columns
    )
    said = {"stacaster:granule": granule.content.name}
    with PointWriter(path, schema, epsg=mission.epsg, metadata=said) as writer, ThreadPoolExecutor(1) as pool:
        waiting: Future[None] = pool.submit(lambda: None)
        for beam in beams:
            place = mission.values(beam)
            beam_of = Beam(granule, beam, table, columns, schema=schema, said=place, area=options.area)
            if classes is not None:
                beam_of.classes = classes_of(classes, beam_of, found.notes)
                beam_of.land = land_values(classes, beam_of, land)
            for arrays, x, y in beam_of.parts():
                # The next rows are read while these are packed.
                waiting.result()
                waiting = pool.submit(writer.add, arrays, x, y)
                found.lines.setdefault(beam, []).append(thinned(x, y))
        waiting.result()
        if not writer.rows:
            return
        size, checksum = writer.finish()
        described = [
            {
                "name": entry.name,
                "type": str(entry.type),
                "description": (entry.metadata or {}).get(b"description", b"").decode(),
            }
            for entry in schema
        ]
        shown = tuple({key: value for key, value in row.items() if value} for row in described)
        found.assets[table.name] = TableAsset(
            path=path, size=size, checksum=checksum, rows=writer.rows, columns=shown, description=table.description
        )
