"""The pixels that an area touches: areas that end on edges of pixels take no further one."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox

from stacaster.geo.georef import window_around

GRID = GeoBox((40, 60), Affine(0.25, 0, 130, 0, -0.25, -20), "EPSG:4326")


@pytest.mark.parametrize(
    ("rows", "cols"), [((0, 40), (0, 60)), ((3, 17), (8, 9)), ((39, 40), (59, 60)), ((12, 13), (0, 31))]
)
def test_areas_on_edges(rows: tuple[int, int], cols: tuple[int, int]) -> None:
    (top, bottom), (left, right) = rows, cols
    west, south, east, north = 130 + left / 4, -20 - bottom / 4, 130 + right / 4, -20 - top / 4
    window = window_around(GRID, shapely.geometry.mapping(shapely.box(west, south, east, north)))
    assert window == (slice(top, bottom), slice(left, right))
    wider = shapely.box(west, south - 0.01, east + 0.01, north)
    window = window_around(GRID, shapely.geometry.mapping(wider))
    assert window == (slice(top, min(bottom + 1, 40)), slice(left, min(right + 1, 60)))


def test_areas_on_edges_of_projected_grids() -> None:
    """Edges that go through degrees and back are met but for rounding."""
    from pyproj import Transformer

    grid = GeoBox((30, 20), Affine(90, 0, 600_000, 0, -90, 6_500_000), "EPSG:32754")
    degrees = Transformer.from_crs(32754, 4326, always_xy=True)
    corners = np.array([(5, 7), (5, 12), (9, 12), (9, 7)], float)
    lon, lat = degrees.transform(600_000 + corners[:, 0] * 90, 6_500_000 - corners[:, 1] * 90)
    area = shapely.Polygon(np.stack([lon, lat], axis=1))
    assert window_around(grid, shapely.geometry.mapping(area)) == (slice(7, 12), slice(5, 9))
