"""Copernicus GLO-30: heights of one second of arc, single tiles of the public bucket or mosaics made here."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from stacaster.model import Band, GranuleContent, Product, Provider, ReadOptions, Scene, SceneBand

ELEVATION = Band(
    name="elevation",
    description="Height of the surface, with buildings and trees",
    data_type="float32",
    nodata=None,
    group="DEM",
    resolution=30.0,
    unit="m",
    quantity="elevation",
)
"""The only band."""

_TILE = re.compile(r"Copernicus_DSM_COG_10_[NS]\d\d_00_[EW]\d{3}_00_DEM\.tif")
_FIRST, _LAST = dt.datetime(2010, 12, 12, tzinfo=dt.UTC), dt.datetime(2015, 1, 16, tzinfo=dt.UTC)


def _recognise(content: GranuleContent) -> bool:
    layers = list(content.layers.values())
    if len(layers) != 1 or layers[0].data_type != "float32" or layers[0].geobox is None:
        return False
    return layers[0].attributes.get("STACASTER_DEM") == "GLO-30" or _TILE.fullmatch(content.name) is not None


def _describe(content: GranuleContent, _: ReadOptions) -> Scene:
    (layer,) = content.layers.values()
    assert layer.geobox is not None
    told = layer.attributes
    heights, ocean = told.get("STACASTER_HEIGHTS", "geoid"), str(told.get("STACASTER_OCEAN") or "").split()
    is_geoid = heights == "geoid"
    crs = "EGM2008 geoid (EPSG:3855)" if is_geoid else "WGS 84 ellipsoid"
    notes = [f"heights are above the {crs}, in metres"]
    if not is_geoid:
        notes[0] += f"; the geoid was added from {told.get('STACASTER_GEOID')}"
    if ocean:
        notes.append(f"filled with 0 above the geoid where there is no tile, which is ocean: {', '.join(ocean)}")
    found: dict[str, Any] = {
        "stacaster:heights": heights,
        "stacaster:tiles": str(told.get("STACASTER_TILES") or content.name.removesuffix(".tif")).split(),
    }
    return Scene(
        id=re.sub(r"\.tiff?$", "", content.name),
        datetime=_FIRST,
        start_datetime=_FIRST,
        end_datetime=_LAST,
        bands=(SceneBand(band=ELEVATION, layer=layer.path, geobox=layer.geobox),),
        notes=tuple(notes),
        properties=found | ({"stacaster:ocean_tiles": ocean} if ocean else {}),
        footprint=_outline(layer.geobox),
        short_name="",
    )


def _outline(geobox: Any) -> dict[str, Any] | None:
    """Return the outline of a mosaic across the antimeridian; others are where their pixels say."""
    import numpy as np

    from stacaster.geo.hulls import outline

    rows, cols = geobox.shape
    t = geobox.transform
    west, east, north, south = t.c, t.c + cols * t.a, t.f, t.f + rows * t.e
    if west >= -180 and east <= 180:
        return None
    north, south = min(north, 90.0), max(south, -90.0)
    # Points along the edges: a side of half the globe has no direction.
    across = np.linspace(west, east, max(2, int(abs(east - west)) + 2))
    ring = [*((x, south) for x in across), *((x, north) for x in across[::-1])]
    return outline([np.array(ring)])


PRODUCT = Product(
    name="copernicus_dem_glo30",
    collection_id="copernicus-dem-glo-30",
    short_name="COP-DEM_GLO-30",
    version="1",
    title="Copernicus DEM GLO-30: heights of the surface",
    description=(
        "Heights of the surface of one second of arc, of TanDEM-X data of 2010 to 2015. Tiles as delivered are above "
        "the geoid EGM2008; mosaics say whether they are above the geoid or the ellipsoid, and where they are ocean."
    ),
    reader="geotiff_set",
    bands=(ELEVATION,),
    platform="tandem-x",
    instruments=("x-sar",),
    processing_level="L3",
    doi="10.5270/ESA-c5d3d65",
    citation="European Space Agency (2024). Copernicus Global Digital Elevation Model.",
    license="other",
    providers=(
        Provider(name="Airbus Defence and Space", roles=("producer", "processor"), url="https://www.airbus.com/"),
        Provider(name="ESA", roles=("licensor",), url="https://dataspace.copernicus.eu/"),
    ),
    keywords=("dem", "elevation", "copernicus", "glo-30"),
    recognise=_recognise,
    describe=_describe,
    renders={"elevation": {"title": "Elevation", "assets": ["elevation"], "rescale": [[0, 3000]]}},
)
"""The product."""
