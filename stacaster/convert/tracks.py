"""One granule along a track to verified GeoParquet files: all beams, a million rows at a time."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from stacaster.convert.track_rows import Beam, classes_of
from stacaster.errors import ReadError
from stacaster.geoparquet import PointWriter
from stacaster.instruments import icesat2
from stacaster.model import OpenTracks, ReadOptions, TableAsset, TrackColumn, TrackTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LINE_POINTS = 400
_GAP_DEGREES = 0.2
_HALF_WIDTH = 0.0005


@dataclass
class Tracks:
    """What was written of a granule."""

    assets: dict[str, TableAsset] = field(default_factory=dict)
    """Files by table."""
    lines: dict[str, list[NDArray[Any]]] = field(default_factory=dict)
    """Longitudes and latitudes of some points of each beam, by beam."""
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
        found.notes.append(f"classes of photons are those of {classes.content.name}")
    for table in tables:
        _write_table(granule, table, folder / f"{table.name}.parquet", options=options, classes=classes, found=found)
    return found


def _write_table(
    granule: OpenTracks,
    table: TrackTable,
    path: Path,
    *,
    options: ReadOptions,
    classes: OpenTracks | None,
    found: Tracks,
) -> None:
    beams = [beam for beam in granule.content.groups if table.rows in granule.variables(beam)]
    missing = [beam for beam in granule.content.groups if beam not in beams]
    if missing:
        found.notes.append(f"no {table.name} of {', '.join(missing)}")
    if not beams:
        raise ReadError(f"no beam has {table.rows}", granule=granule.content.name)
    columns = _columns(granule, beams, table, options.variables, found)
    if table.segment_count is None:
        # Only photons have classes.
        classes = None
    schema = _schema(granule, beams[0], table, columns, has_classes=classes is not None)
    known = icesat2.facts(granule.content)
    epsg = icesat2.crs_of(known["release"])
    said = {"stacaster:granule": granule.content.name}
    with PointWriter(path, schema, epsg=epsg, metadata=said) as writer, ThreadPoolExecutor(1) as pool:
        waiting: Future[None] = pool.submit(lambda: None)
        for beam in beams:
            beam_of = Beam(granule, beam, table, columns, options.area, icesat2.spot_of(beam, known["orientation"]))
            if classes is not None:
                beam_of.classes = classes_of(classes, beam_of, found.notes)
            for arrays, x, y in beam_of.parts():
                # The next rows are read while these are packed.
                waiting.result()
                waiting = pool.submit(writer.add, arrays, x, y)
                step = max(1, x.size // _LINE_POINTS)
                found.lines.setdefault(beam, []).append(np.stack([x, y], axis=1)[::step])
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


def _columns(
    granule: OpenTracks, beams: Sequence[str], table: TrackTable, patterns: Sequence[str], found: Tracks
) -> tuple[TrackColumn, ...]:
    """Return the columns that the beams have: those of the table, and those that were asked for."""
    there = granule.variables(beams[0])
    kept = [column for column in table.columns if column.path in there]
    absent = [column.name for column in table.columns if column.path not in there]
    if absent:
        found.notes.append(f"{table.name}: the granule lacks {', '.join(absent)}")
    lengths = {there[table.rows][0][0]}
    if table.segment_count is not None and table.segment_count in there:
        lengths.add(there[table.segment_count][0][0])
    taken, names = {column.path for column in kept}, {column.name for column in kept}
    for pattern in patterns:
        wanted = [path for path in there if fnmatch.fnmatch(path, pattern) or fnmatch.fnmatch(path, f"*/{pattern}")]
        if not wanted:
            found.notes.append(f"{table.name}: no dataset is called {pattern}")
        for path in sorted(wanted):
            if path in taken or there[path][0][0] not in lengths or len(there[path][0]) > 2:
                continue
            name = path.rpartition("/")[2]
            name = name if name not in names else path.replace("/", "_")
            words, unit = granule.text(beams[0], path)
            kept.append(TrackColumn(name=name, path=path, description=words or path, unit=unit))
            taken.add(path)
            names.add(name)
    return tuple(kept)


def _schema(
    granule: OpenTracks, beam: str, table: TrackTable, columns: Sequence[TrackColumn], *, has_classes: bool
) -> pa.Schema:
    there = granule.variables(beam)
    fields = [
        pa.field("time", pa.timestamp("us", tz="UTC"), metadata={"description": "Time, UTC"}),
        pa.field("longitude", pa.float64(), metadata={"description": "Longitude, degrees"}),
        pa.field("latitude", pa.float64(), metadata={"description": "Latitude, degrees"}),
        pa.field("beam", pa.string(), metadata={"description": "Ground track"}),
        pa.field("spot", pa.int8(), metadata={"description": "Laser spot, odd ones are strong"}),
    ]
    if table.segment_count is not None:
        fields.append(
            pa.field("x_atc", pa.float64(), metadata={"description": "Distance from the equator along the track, m"})
        )
    if table.cells is not None:
        fields.append(
            pa.field("cell", pa.int8(), metadata={"description": "Number of the cell in its segment, from 0"})
        )
    if table.segment_count is not None:
        fields += [
            pa.field("background", pa.float32(), metadata={"description": "Background photons a second"}),
            pa.field("speed", pa.float32(), metadata={"description": "Speed of the satellite, m/s"}),
        ]
    for column in columns:
        shape, kind = there[column.path]
        value = pa.from_numpy_dtype(np.dtype(kind))
        is_list = len(shape) == 2 and not (table.cells is not None and shape[1] == table.cells)
        words = column.description + (f", {column.unit}" if column.unit else "")
        fields.append(
            pa.field(column.name, pa.list_(value, shape[1]) if is_list else value, metadata={"description": words})
        )
    if has_classes:
        fields += [
            pa.field(
                "class", pa.int8(), metadata={"description": "ATL08: 0 noise, 1 ground, 2 canopy, 3 top of canopy"}
            ),
            pa.field("height_above_ground", pa.float32(), metadata={"description": "ATL08: height above ground, m"}),
        ]
    return pa.schema(fields)


def footprint(lines: Mapping[str, Sequence[NDArray[Any]]]) -> tuple[dict[str, Any], list[float]]:
    """Return a narrow strip around the points of each beam, and its box; split at the antimeridian.

    Args:
        lines: Longitudes and latitudes of some points of each beam, in their order.
    """
    import antimeridian
    import shapely

    strips = []
    for parts in lines.values():
        points = np.concatenate(parts)
        points[:, 0] = (points[:, 0] + 180) % 360 - 180
        apart = np.abs(np.diff(points, axis=0)).max(axis=1, initial=0) > _GAP_DEGREES
        for piece in np.split(points, np.flatnonzero(apart) + 1):
            line = shapely.LineString(piece) if len(piece) > 1 else shapely.Point(piece[0])
            strips.append(line.simplify(_HALF_WIDTH / 2).buffer(_HALF_WIDTH, quad_segs=2, cap_style="square"))
    whole = shapely.intersection(shapely.union_all(strips), shapely.box(-180, -90, 180, 90))
    polygons = [
        shapely.geometry.polygon.orient(part) for part in shapely.get_parts(whole) if part.geom_type == "Polygon"
    ]
    if not polygons:
        raise ReadError("no point lies on Earth")
    shape = polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons)
    rounded = shapely.set_precision(shape, 1e-7)
    mapped = shapely.geometry.mapping(rounded)
    box = [round(float(value), 7) for value in antimeridian.bbox(rounded)]
    return {"type": mapped["type"], "coordinates": _listed(mapped["coordinates"])}, box


def _listed(value: Any) -> Any:
    return [_listed(part) for part in value] if isinstance(value, (tuple, list)) else round(float(value), 7)
