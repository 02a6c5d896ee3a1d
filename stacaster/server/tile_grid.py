"""Where tiles and previews lie."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pystac
    from odc.geo.geobox import GeoBox

_HALF = math.pi * 6378137.0
_SIZE = 256

DEEPEST = 24
"""Deepest zoom."""


def tile_bounds(z: int, x: int, y: int) -> tuple[float, float, float, float]:
    """Return west, south, east and north of a tile of Web Mercator, degrees."""
    count = 2**z
    west, east = x / count * 360 - 180, (x + 1) / count * 360 - 180
    south, north = (math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * row / count)))) for row in (y + 1, y))
    return west, south, east, north


def tile_area(z: int, x: int, y: int) -> dict[str, Any]:
    """Return the outline of a tile of Web Mercator as GeoJSON, degrees."""
    west, south, east, north = tile_bounds(z, x, y)
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def tile_geobox(z: int, x: int, y: int, scale: int = 1) -> GeoBox:
    """Return the pixels of a tile of Web Mercator."""
    from affine import Affine
    from odc.geo.geobox import GeoBox

    span, size = 2 * _HALF / 2**z, _SIZE * scale
    return GeoBox(
        (size, size), Affine(span / size, 0, -_HALF + x * span, 0, -span / size, _HALF - y * span), "EPSG:3857"
    )


def preview_geobox(item: pystac.Item, largest: int) -> GeoBox:
    """Return a grid over an item in Web Mercator, or in a polar projection near a pole."""
    return box_geobox(item.bbox or (-180.0, -85.0, 180.0, 85.0), largest)


def box_geobox(bbox: Sequence[float], largest: int, *, finest: float = 0.0) -> GeoBox:
    """Return a grid over a box in Web Mercator, or in a polar projection near a pole.

    Args:
        bbox: West, south, east, north in degrees; west > east crosses the antimeridian.
        largest: Pixels of the longer side.
        finest: Smallest size of pixels, metres.
    """
    from odc.geo.geobox import GeoBox
    from odc.geo.geom import BoundingBox

    west, south, east, north = bbox
    crs = "EPSG:3857" if max(abs(south), abs(north)) < 85 else "EPSG:3413" if north > 0 else "EPSG:3031"
    east = east + 360 if east < west else east
    box = BoundingBox(west, south, east, north, "EPSG:4326").to_crs(crs)
    step = max(box.span_x / largest, box.span_y / largest, finest, 1e-3)
    return GeoBox.from_bbox(box, crs, resolution=step, tight=True)


def point_geobox(lon: float, lat: float) -> GeoBox:
    """Return a grid of one pixel at a point."""
    from affine import Affine
    from odc.geo.geobox import GeoBox
    from pyproj import Transformer

    x, y = Transformer.from_crs(4326, 3857, always_xy=True).transform(lon, lat)
    return GeoBox((1, 1), Affine(0.01, 0, x - 0.005, 0, -0.01, y + 0.005), "EPSG:3857")


def wmts(title: str, template: str) -> str:
    """Return WMTS capabilities of one layer in Web Mercator."""
    matrices = "".join(
        f"<TileMatrix><ows:Identifier>{z}</ows:Identifier>"
        f"<ScaleDenominator>{559082264.0287178 / 2**z!r}</ScaleDenominator>"
        f"<TopLeftCorner>-20037508.342789244 20037508.342789244</TopLeftCorner><TileWidth>256</TileWidth>"
        f"<TileHeight>256</TileHeight><MatrixWidth>{2**z}</MatrixWidth><MatrixHeight>{2**z}</MatrixHeight></TileMatrix>"
        for z in range(19)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><Capabilities xmlns="http://www.opengis.net/wmts/1.0" '
        'xmlns:ows="http://www.opengis.net/ows/1.1" xmlns:xlink="http://www.w3.org/1999/xlink" version="1.0.0">'
        "<Contents>"
        f'<Layer><ows:Title>{title}</ows:Title><ows:Identifier>{title}</ows:Identifier><Style isDefault="true">'
        "<ows:Identifier>default</ows:Identifier></Style><Format>image/png</Format><TileMatrixSetLink>"
        "<TileMatrixSet>WebMercatorQuad</TileMatrixSet></TileMatrixSetLink>"
        f'<ResourceURL format="image/png" resourceType="tile" template="{template}"/></Layer>'
        "<TileMatrixSet><ows:Identifier>WebMercatorQuad</ows:Identifier><ows:SupportedCRS>urn:ogc:def:crs:EPSG::3857"
        f"</ows:SupportedCRS>{matrices}</TileMatrixSet></Contents></Capabilities>"
    )
