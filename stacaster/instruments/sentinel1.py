"""Sentinel-1: what manifest, annotation and the record of the facility say, as properties, footprint and orbit.

Sources: Sentinel-1 Product Specification; asf_search's table of CMR attributes.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stacaster.formats.metadata.safe import Annotation, Manifest
from stacaster.instruments import radar
from stacaster.model import GranuleContent, Provider, Scene

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PROVIDERS = (
    Provider(name="ESA", roles=("producer", "licensor"), url="https://sentinels.copernicus.eu/"),
    Provider(name="Alaska Satellite Facility", roles=("host",), url="https://asf.alaska.edu/"),
)
"""Who made and who hosts the data."""

_BURST = dt.timedelta(seconds=3.1)

POLARIZATIONS = ("VV", "VH", "HH", "HV")
"""Polarisations in the order of the assets."""

NAME = re.compile(
    r"S1(?P<unit>[A-D])_(?P<mode>\w{2})_(?P<type>SLC|GRD)(?P<resolution>[HMF_])_1(?P<level>S|A)(?P<polarization>\w{2})_"
    r"(?P<start>\d{8}T\d{6})_(?P<end>\d{8}T\d{6})_(?P<orbit>\d{6})_(?P<take>[0-9A-F]{6})_(?P<unique>[0-9A-F]{4})"
)
"""Names of products."""

BURST_NAME = re.compile(
    r"S1_(?P<id>\d{6})_(?P<swath>[IE]W\d)_(?P<start>\d{8}T\d{6})_(?P<polarization>[VH]{2})_[0-9A-F]{4}-BURST"
)
"""Names of bursts."""


def properties(manifest: Manifest, annotations: Sequence[Annotation], record: Mapping[str, Any]) -> dict[str, Any]:
    """Return STAC properties of a scene.

    Args:
        manifest: Of the product.
        annotations: Of its images; the first one speaks for all where they do not differ.
        record: Attributes of the record at CMR; empty without one.
    """
    first = annotations[0]
    seen = {note.polarization for note in annotations}
    found: dict[str, Any] = {
        "platform": manifest.platform,
        "sat:platform_international_designator": manifest.international_designator,
        "sar:instrument_mode": manifest.mode,
        "sar:frequency_band": "C",
        "sar:center_frequency": round(first.frequency / 1e9, 9),
        "sar:polarizations": [name for name in POLARIZATIONS if name in seen],
        "sar:product_type": manifest.product_type,
        "sar:pixel_spacing_range": round(first.spacing[0], 9),
        "sar:pixel_spacing_azimuth": round(first.spacing[1], 9),
        "sar:looks_range": first.looks[0],
        "sar:looks_azimuth": first.looks[1],
        "sar:observation_direction": "right",
        "sat:orbit_state": manifest.orbit_state,
        "sat:absolute_orbit": manifest.absolute_orbit,
        "sat:relative_orbit": manifest.relative_orbit,
        "sat:anx_datetime": None if manifest.ascending_node is None else radar.text_of(manifest.ascending_node),
        "s1:data_take": manifest.data_take,
        "s1:processor": manifest.processor,
        radar.VECTORS: radar.vectors_as_json(first.orbit),
    }
    angles = [note.incidence for note in annotations if note.incidence is not None]
    if angles:
        found["view:incidence_angle"] = round(sum(angles) / len(angles), 6)
    found |= radar.record_properties(record)
    return {key: value for key, value in found.items() if value not in (None, "", [])}


def rings(annotations: Sequence[Annotation], *, lines: tuple[float, float] | None = None) -> list[NDArray[np.float64]]:
    """Return the outlines of images: the outer points of the grids of positions, one ring a sub-swath.

    Args:
        annotations: Of the images.
        lines: First and last line of a part; None for all.
    """
    import numpy as np

    found = {}
    for note in annotations:
        rows = sorted({point.line for point in note.grid})
        if lines is not None:
            inside = [row for row in rows if lines[0] - 1 <= row <= lines[1] + 1]
            rows = inside if len(inside) > 1 else rows
        low, high = rows[0], rows[-1]
        points = [point for point in note.grid if low <= point.line <= high]
        first = sorted((p for p in points if p.line == low), key=lambda p: p.pixel)
        last = sorted((p for p in points if p.line == high), key=lambda p: -p.pixel)
        sides = {p.line: (min(_row(points, p.line)), max(_row(points, p.line))) for p in points if low < p.line < high}
        right = [pair[1][1:] for _, pair in sorted(sides.items())]
        left = [pair[0][1:] for _, pair in sorted(sides.items(), reverse=True)]
        ring = [(p.longitude, p.latitude) for p in first] + right + [(p.longitude, p.latitude) for p in last] + left
        # Images of both polarisations share their grid; pictures of waves share their swath.
        found[note.grid[0]] = np.array(ring, dtype=np.float64)
    return list(found.values())


def _row(points: Sequence[Any], line: float) -> list[tuple[float, float, float]]:
    return [(p.pixel, p.longitude, p.latitude) for p in points if p.line == line]


def is_simulated(manifest: Manifest) -> bool:
    """Tell whether a product says of itself that it is simulated."""
    return manifest.processor == "SIMULATED"


def short_name(manifest: Manifest, annotations: Sequence[Annotation], name: str) -> str:
    """Return the short name of the collection at CMR, which follows satellite, polarisations and resolution."""
    unit = manifest.platform.upper()
    if manifest.product_type == "SLC":
        return f"{unit}_SLC"
    match = NAME.match(name)
    grade = {"H": "HIGH", "M": "MEDIUM", "F": "FULL"}.get("H" if match is None else match["resolution"], "HIGH")
    pair = "DP" if len({note.polarization for note in annotations}) > 1 else "SP"
    return f"{unit}_{pair}_GRD_{grade}"


def scene(
    content: GranuleContent,
    manifest: Manifest,
    found: Mapping[str, Any],
    *,
    files: Mapping[str, Path],
    footprint: Mapping[str, Any],
    short_name: str,
    name: str | None = None,
) -> Scene:
    """Return a scene without bands.

    Args:
        content: What the reader found.
        manifest: Of the product.
        found: Properties.
        files: Files by asset key.
        footprint: GeoJSON outline.
        short_name: Of the collection at CMR.
        name: Of the granule; None takes that of the file.
    """
    simulated = is_simulated(manifest)
    return Scene(
        id=name or re.sub(r"(?:\.SAFE)?\.zip$", "", content.name),
        datetime=manifest.start,
        start_datetime=manifest.start,
        end_datetime=manifest.end,
        created=manifest.created,
        bands=(),
        notes=("simulated data, not a measurement",) if simulated else (),
        properties={**found, **({"stacaster:simulated": True} if simulated else {})},
        extensions=("sar", "sat", "view"),
        files=files,
        footprint=footprint,
        short_name=short_name,
    )


def at(made: Scene, start: dt.datetime, manifest: Manifest) -> Scene:
    """Return a scene with the time of its burst in place of that of the whole product."""
    end = min(start + _BURST, manifest.end)
    return replace(made, datetime=start, start_datetime=start, end_datetime=max(start, end))
