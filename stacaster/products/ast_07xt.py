"""AST_07XT: surface reflectance, VNIR and SWIR, with SWIR corrected for crosstalk."""

from __future__ import annotations

from stacaster.instruments.aster_level2 import products_of
from stacaster.instruments.aster_tables import SURFACE_FALSE_COLOUR, Level2, reflectance_fields

TABLE = Level2(
    short_name="AST_07XT",
    title="surface reflectance of VNIR and crosstalk-corrected SWIR",
    description="Reflectance at the surface is value * 0.001; light of band 4 that strayed into SWIR is removed.",
    fields=reflectance_fields(),
    citation="ASTER Level 2 Surface Reflectance VNIR and Crosstalk Corrected SWIR",
    keywords=("surface reflectance", "vnir", "swir", "minerals"),
    renders=SURFACE_FALSE_COLOUR,
)

PRODUCTS = products_of(TABLE)
