"""Points of tracks as a view of SQL."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


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
