"""What a search found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stacaster.model import Granule
from stacaster.stacks import Stack, choose, group, parse_selection

if TYPE_CHECKING:
    import geopandas


@dataclass(frozen=True)
class GranuleSearch:
    """Granules that a search found, ordered by time."""

    granules: tuple[Granule, ...]
    """The granules."""
    area: Mapping[str, Any] | None = None
    """GeoJSON geometry of the area that was asked for."""
    keys: tuple[str, ...] = ()
    """What ``stacks`` groups by."""

    @property
    def stacks(self) -> list[Stack]:
        """Granules grouped by ``keys``."""
        return group(self.granules, self.keys)

    def group_by(self, *keys: str) -> GranuleSearch:
        """Return the same granules, grouped by keys such as ``path`` and ``frame``.

        Raises:
            UsageError: There is no such key.
        """
        return GranuleSearch(self.granules, self.area, parse_selection(group_by=keys).group_by)

    def select(self, **selection: Any) -> GranuleSearch:
        """Keep some granules of each stack: ``latest``, ``earliest``, ``min_count``, ``min_coverage``.

        Raises:
            UsageError: A number is out of range, or there is no area to cover.
        """
        rules = parse_selection(**{"group_by": self.keys, **selection})
        return GranuleSearch(tuple(choose(self.granules, rules, self.area)), self.area, rules.group_by)

    def summary(self) -> list[dict[str, Any]]:
        """Return one row a stack: keys, count, first and last date, direction, bytes."""
        return [stack.summary() for stack in self.stacks]

    def __len__(self) -> int:
        return len(self.granules)

    def __iter__(self) -> Iterator[Granule]:
        return iter(self.granules)

    def __getitem__(self, index: int) -> Granule:
        return self.granules[index]

    def to_geojson(self) -> dict[str, Any]:
        """Return a GeoJSON feature collection."""
        return {"type": "FeatureCollection", "features": [granule.to_feature() for granule in self.granules]}

    def to_geodataframe(self) -> geopandas.GeoDataFrame:
        """Return a GeoDataFrame with one row a granule."""
        import geopandas
        import shapely

        features = [granule.to_feature() for granule in self.granules]
        shapes = [None if row["geometry"] is None else shapely.geometry.shape(row["geometry"]) for row in features]
        return geopandas.GeoDataFrame([row["properties"] for row in features], geometry=shapes, crs="EPSG:4326")

    def __repr__(self) -> str:
        return f"<GranuleSearch: {len(self)} granules>"

    def _repr_html_(self) -> str:
        from html import escape

        rows = "".join(
            f"<tr><td>{escape(granule.id)}</td><td>{escape(granule.version)}</td>"
            f"<td>{granule.start:%Y-%m-%d %H:%M}</td>"
            f"<td>{'' if granule.cloud_cover is None else granule.cloud_cover}</td></tr>"
            for granule in self.granules[:20]
        )
        more = f"<p>and {len(self) - 20} more</p>" if len(self) > 20 else ""
        head = "<tr><th>granule</th><th>version</th><th>start</th><th>cloud cover</th></tr>"
        return f"<b>{len(self)} granules</b><table>{head}{rows}</table>{more}"
