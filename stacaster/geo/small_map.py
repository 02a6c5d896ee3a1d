"""Footprints as a small map for notebooks: one SVG that needs nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stacaster.geo.land import land_within

_WIDTH, _LOWEST, _HIGHEST = 320, 120, 320
_CONTEXT = 20.0
"""Degrees that are shown at least, so that a coast or a border is in sight."""
_MARK = 6.0
"""Footprints smaller than so many pixels get a circle."""
_MOST = 500


def small_map(geometries: Sequence[Mapping[str, Any] | None]) -> str:
    """Return footprints over the outlines of countries as SVG; empty where there is none.

    Args:
        geometries: GeoJSON geometries in degrees; of more than five hundred the first ones are drawn.
    """
    rings = [ring for geometry in geometries[:_MOST] if geometry for ring in outer_rings(geometry)]
    points = [point for ring in rings for point in ring]
    if not points:
        return ""
    west, south, east, north = _window(points)
    shrink = max(0.1, math.cos(math.radians((south + north) / 2)))
    scale = min(_WIDTH / ((east - west) * shrink), _HIGHEST / (north - south))
    width, height = (east - west) * shrink * scale, max((north - south) * scale, 1.0)

    def drawn(ring: Sequence[tuple[float, float]], style: str) -> str:
        path = " ".join(f"{(x - west) * shrink * scale:.1f},{(north - y) * scale:.1f}" for x, y in ring)
        return f'<polygon points="{path}" style="{style}"/>'

    body = [drawn(ring, "fill:#e9e6da;stroke:#b5ae98") for ring in land_within((west, south, east, north))]
    for ring in rings:
        body.append(drawn(ring, "fill:#1f77b4;fill-opacity:.25;stroke:#1f77b4"))
        x, y = [p[0] for p in ring], [p[1] for p in ring]
        if max((max(x) - min(x)) * shrink, max(y) - min(y)) * scale < _MARK:
            middle = ((min(x) + max(x)) / 2 - west) * shrink * scale, (north - (min(y) + max(y)) / 2) * scale
            body.append(f'<circle cx="{middle[0]:.1f}" cy="{middle[1]:.1f}" r="5" style="fill:none;stroke:#d62728"/>')
    words = f"{west:.4g} to {east:.4g} east, {south:.4g} to {north:.4g} north"
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}" role="img" '
        f'style="background:#f4f7fa;border:1px solid #99a;max-width:100%"><title>{words}</title>{"".join(body)}</svg>'
    )


def _window(points: Sequence[tuple[float, float]]) -> tuple[float, float, float, float]:
    """Return what is shown: the footprints, and land around small ones."""
    x, y = [point[0] for point in points], [point[1] for point in points]
    middle = (min(x) + max(x)) / 2, (min(y) + max(y)) / 2
    half_x = max(max(x) - min(x), _CONTEXT) * 0.55
    half_y = max((max(y) - min(y)) * 0.55, half_x * _LOWEST / _WIDTH)
    return (max(middle[0] - half_x, min(-180.0, *x)), max(middle[1] - half_y, -90.0),
            min(middle[0] + half_x, max(180.0, *x)), min(middle[1] + half_y, 90.0))  # fmt: skip


def outer_rings(geometry: Mapping[str, Any]) -> Iterator[list[tuple[float, float]]]:
    """Yield the outer rings of polygons, and points and lines as they are."""
    kind, coordinates = geometry["type"], geometry.get("coordinates", ())
    if kind == "GeometryCollection":
        for part in geometry["geometries"]:
            yield from outer_rings(part)
    elif kind == "Polygon":
        yield [(x, y) for x, y, *_ in coordinates[0]]
    elif kind == "MultiPolygon":
        for part in coordinates:
            yield [(x, y) for x, y, *_ in part[0]]
    elif kind in ("LineString", "MultiPoint"):
        yield [(x, y) for x, y, *_ in coordinates]
    elif kind == "Point":
        yield [(coordinates[0], coordinates[1])]


def box_geometry(box: Sequence[float]) -> dict[str, Any]:
    """Return a bounding box as GeoJSON, in two parts where it crosses the antimeridian."""
    west, south, east, north = box if len(box) == 4 else (box[0], box[1], box[3], box[4])
    parts = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
    return {
        "type": "MultiPolygon",
        "coordinates": [[[[a, south], [b, south], [b, north], [a, north], [a, south]]] for a, b in parts],
    }
