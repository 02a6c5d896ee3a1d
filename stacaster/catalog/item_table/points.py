"""Points of tracks as a view of SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

IN_BOX = "x >= box.xmin and x <= box.xmax and y >= box.ymin and y <= box.ymax"
"""Whether a point lies in the box of a polygon, as comparisons: joins by them look at few pairs."""


def with_bounds(table: pa.Table) -> pa.Table:
    """Return a table of geometries (WKB) with their bounds as a struct ``bbox``; a table without any as it is."""
    import pyarrow as pa
    import shapely

    if "geometry" not in table.column_names or "bbox" in table.column_names:
        return table
    boxes = shapely.bounds(shapely.from_wkb(np.asarray(table["geometry"].to_pylist(), dtype=object)))
    names = ["xmin", "ymin", "xmax", "ymax"]
    bounds = pa.StructArray.from_arrays([pa.array(boxes[:, number]) for number in range(4)], names=names)
    return table.append_column("bbox", bounds)


def in_text(path: Path) -> str:
    """Return a path as it is written between quotes in SQL."""
    return str(path).replace("'", "''")


@dataclass(frozen=True)
class PointView:
    """GeoParquet files that are one view."""

    root: Path
    """Folder that the query may read."""
    files: tuple[tuple[Path, ...], ...]
    """Files, in groups of one reference frame."""

    @property
    def epsg(self) -> int | None:
        """CRS of the files; None when they have several, or there is none."""
        import json

        import pyarrow.parquet as pq
        from pyproj import CRS

        found = set()
        for group in self.files:
            said = json.loads((pq.read_metadata(group[0]).metadata or {}).get(b"geo", b"{}"))
            crs = said.get("columns", {}).get("geometry", {}).get("crs")
            found.add(None if crs is None else CRS.from_json_dict(crs).to_epsg())
        return found.pop() if len(found) == 1 else None

    def select(self) -> str:
        """Return the view as SQL; ``item_id`` is the name of the folder of a file."""
        # The paths of a folder end in .../ITEM/TABLE.parquet.
        item = "regexp_extract(filename, '([^/]+)/[^/]+$', 1) as item_id"
        columns = f"* exclude (filename) replace (geometry::geometry as geometry), {item}"
        parts = []
        for group in self.files:
            listed = ", ".join(f"'{in_text(path)}'" for path in group)
            parts.append(f"select {columns} from read_parquet([{listed}], union_by_name=true, filename=true)")  # noqa: S608 - quoted
        return " union all by name ".join(parts)


def lay_points(connection: duckdb.DuckDBPyConnection, points: Mapping[str, PointView]) -> None:
    """Make views of points; nothing of the disk but their folders can be read from then on."""
    if points:
        roots = ", ".join(sorted({f"'{in_text(view.root)}'" for view in points.values()}))
        connection.execute(f"set allowed_directories = [{roots}]")
    for name, view in points.items():
        if view.files:
            connection.execute(f'create temp view "{name}" as {view.select()}')
