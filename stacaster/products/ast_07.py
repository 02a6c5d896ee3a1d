"""AST_07: surface reflectance, VNIR and SWIR.

The HDF form comes as two files, one a subsystem, whose production times differ by a second: an item each. Scale 0.001.
"""

from __future__ import annotations

from stacaster.instruments.aster_level2 import products_of
from stacaster.instruments.aster_tables import SURFACE_FALSE_COLOUR, Level2, reflectance_fields

TABLE = Level2(
    short_name="AST_07",
    title="surface reflectance of VNIR and SWIR",
    description="Reflectance at the surface is value * 0.001; the sun and the atmosphere are accounted for.",
    fields=reflectance_fields(),
    citation="ASTER Level 2 Surface Reflectance VNIR and SWIR",
    keywords=("surface reflectance", "vnir", "swir", "minerals"),
    renders=SURFACE_FALSE_COLOUR,
    notes=("Not surface emissivity, for which it is taken at places: that is AST_05",),
)

PRODUCTS = products_of(TABLE)
