"""AST_L1B: registered radiance at the sensor on the rotated grid of the path.

Images are called as in AST_L1T; positions are geocentric. Band 3B is left out: the file gives the
positions of the nadir images alone.
"""

from __future__ import annotations

from stacaster.instruments import aster
from stacaster.instruments.aster_level2 import geotiff_product, swath_product
from stacaster.instruments.aster_tables import Field, Level2

TABLE = Level2(
    short_name="AST_L1B",
    title="registered radiance at the sensor, on the path",
    description=(
        "Radiance in W m-2 sr-1 um-1 is value * raster:scale + raster:offset, with the coefficients of each scene. "
        "0 is fill; 255 (VNIR, SWIR) and 4095 (TIR) are saturated."
    ),
    fields=tuple(
        Field(
            band=band,
            field=f"ImageData{aster.odl_suffix(band)}",
            swath=f"{band.group}_Swath",
            file=f"{band.group}_{band.name}",
        )
        for band in aster.BANDS
    ),
    level="L1B",
    citation="ASTER Level 1B Registered Radiance at the Sensor",
    keywords=("radiance", "vnir", "swir", "tir", "minerals"),
    renders=aster.RENDERS,
)

PRODUCTS = (swath_product(TABLE), geotiff_product(TABLE, "004"))
