"""AST14DEM: relative elevation model of one scene, int16 metres, 30 m, fill -9999.

Delivered as GeoTIFF on a north-up UTM grid. The form inside of HDF is not documented: an image whose name speaks of
elevation, or the only one there is, is taken with the positions of its swath.
"""

from __future__ import annotations

from stacaster.instruments.aster_level2 import geotiff_product, swath_product
from stacaster.instruments.aster_tables import Field, Level2
from stacaster.model import Band

TABLE = Level2(
    short_name="AST14DEM",
    title="relative digital elevation model",
    description=(
        "Metres above the geoid EGM96 (EPSG:5773), made from bands 3N and 3B without ground control points. -9999 is "
        "background."
    ),
    fields=(
        Field(
            band=Band(
                name="DEM",
                description="Elevation above the geoid EGM96",
                data_type="int16",
                nodata=-9999,
                group="VNIR",
                resolution=30.0,
                unit="m",
                quantity="elevation",
            ),
            field=r"\w*(dem|elevation|height)\w*|band_?1|imagedata1?",
            swath=r"\w*",
            file="",
            scale=1.0,
        ),
    ),
    level="L3",
    is_rotated=False,
    citation="ASTER Digital Elevation Model",
    keywords=("elevation", "dem"),
    # LP DAAC: referenced to the geoid by EGM96 since 2006; the files do not say it themselves.
    properties={"stacaster:vertical_datum": "EPSG:5773"},
    notes=("Elevations are relative: no ground control points; the vertical datum is EGM96 by LP DAAC's description",),
)

PRODUCTS = (
    swath_product(TABLE),
    geotiff_product(TABLE, "003", name="ast14dem_003_geotiff"),
    geotiff_product(TABLE, "004"),
)
