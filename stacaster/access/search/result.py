"""What a search found."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from stacaster.access.search.baselines import StackBaselines, stack_baselines
from stacaster.access.search.granule_files import write_granules
from stacaster.analysis.stacks import (
    Pair,
    Stack,
    choose,
    differences,
    group,
    keep,
    nearest_pairs,
    parse_selection,
    split_conditions,
)
from stacaster.errors import UsageError
from stacaster.geo.small_map import small_map
from stacaster.model import Granule, StateVector
from stacaster.model.granule_options import GranuleSearchFilterOptions, GranuleSelectOptions
from stacaster.model.names import as_names, check_known

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
    origin: GranuleSearch | None = None
    """What was found before ``filter`` and ``select`` left something out."""

    @property
    def stacks(self) -> list[Stack]:
        """Granules grouped by ``keys``."""
        return group(self.granules, self.keys)

    def group_by(self, *keys: str) -> GranuleSearch:
        """Return the same granules, grouped by keys such as ``path`` and ``frame``, which of bursts is the burst id.

        Raises:
            UsageError: There is no such key.
        """
        return replace(self, keys=parse_selection(group_by=keys).group_by)

    def select(self, **selection: Unpack[GranuleSelectOptions]) -> GranuleSearch:
        """Keep some granules of each stack: ``latest``, ``earliest``, ``min_count``, ``max_count``, ``min_coverage``.

        Raises:
            UsageError: A number is out of range, or there is no area to cover.
        """
        check_known("select", selection, GranuleSelectOptions)
        given = dict[str, Any](selection)
        keys = as_names(given.pop("group_by", None), "group_by")
        rules = parse_selection(group_by=self.keys if keys is None else keys, **given)
        kept = tuple(choose(self.granules, rules, self.area))
        return GranuleSearch(kept, self.area, rules.group_by, self.origin or self)

    def filter(self, **conditions: Unpack[GranuleSearchFilterOptions]) -> GranuleSearch:
        """Keep the granules and stacks that fit; nothing is asked of the service. ``reset`` takes all back.

        Args:
            **conditions: ``start``, ``end``, ``path``, ``frame``, ``asf_frame``, ``direction``, ``orbits`` (absolute),
                ``polarization``, ``season`` (``12-2``, ``11-15/02-20``, or two days of the year; also over the turn of
                the year), ``ids``; then ``min_coverage`` (share of the area, of each granule), ``min_count``,
                ``max_count`` (of each stack), ``latest_n`` and ``earliest_n``.

        Raises:
            UsageError: A condition is not known (the message names the nearest) or cannot be understood.
        """
        single, selection = split_conditions(conditions)
        found = GranuleSearch(tuple(keep(self.granules, **single)), self.area, self.keys, self.origin or self)
        return found.select(**selection) if selection else found

    def reset(self) -> GranuleSearch:
        """Return all that was found, in the groups of now."""
        return self if self.origin is None else replace(self.origin, keys=self.keys)

    def summary(self, *, scenes: bool = False) -> list[dict[str, Any]]:
        """Return one row a stack: keys, count, first and last date, direction, bytes.

        Args:
            scenes: Add a list of the granules with their times.
        """
        return [stack.summary(scenes=scenes) for stack in self.stacks]

    def baselines(
        self, *, reference: str | None = None, vectors: Mapping[str, Sequence[StateVector]] | None = None
    ) -> list[StackBaselines]:
        """Return temporal and perpendicular baselines of each stack.

        Args:
            reference: Name of the reference of its stack; None takes the first of each. Other stacks keep their first.
            vectors: State vectors by name of a granule (of orbit files); others are those of the records.

        Raises:
            UsageError: No granule has that name.
        """
        return stack_baselines(self.stacks, reference=reference, vectors=vectors or {})

    def pairs(
        self, *, neighbours: int = 2, max_days: float | None = None, max_perpendicular: float | None = None
    ) -> list[Pair]:
        """Return pairs for interferograms: each granule with those of its stack that follow it next.

        Args:
            neighbours: How many of the following each is paired with.
            max_days: Longest time between two.
            max_perpendicular: Largest perpendicular baseline, metres.

        Raises:
            UsageError: A number is not positive, or a stack holds what cannot interfere.
        """
        for stack in self.stacks:
            mixed = differences(stack.granules)
            if mixed:
                words = "; ".join(f"{name}: {', '.join(values)}" for name, values in mixed.items())
                raise UsageError(
                    f"stack {stack.name or 'of all granules'} holds granules that cannot interfere ({words}); "
                    "group_by('path', 'frame') keeps them apart"
                )
        limits = {"max_days": max_days, "max_perpendicular": max_perpendicular}
        found = [nearest_pairs(stack.baselines, neighbours=neighbours, **limits) for stack in self.baselines()]
        return [pair for pairs in found for pair in pairs]

    def __len__(self) -> int:
        return len(self.granules)

    def __iter__(self) -> Iterator[Granule]:
        return iter(self.granules)

    def __getitem__(self, index: int) -> Granule:
        return self.granules[index]

    def write(self, output: str | os.PathLike[str]) -> Path:
        """Write the granules to .json (GeoJSON), .parquet or .gpkg; ``fetch`` takes the file.

        Raises:
            UsageError: The name ends in something else.
            ExportError: The file cannot be written.
        """
        return write_granules(self.granules, output)

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
        shown = small_map([granule.geometry for granule in self.granules])
        head = "<tr><th>granule</th><th>version</th><th>start</th><th>cloud cover</th></tr>"
        return f"<b>{len(self)} granules</b><table>{head}{rows}</table>{more}{shown}"
