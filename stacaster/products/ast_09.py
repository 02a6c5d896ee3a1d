"""AST_09: surface radiance, VNIR and SWIR."""

from __future__ import annotations

from stacaster.instruments.aster_level2 import products_of
from stacaster.instruments.aster_tables import Level2, radiance_fields

TABLE = Level2(
    short_name="AST_09",
    title="surface radiance of VNIR and SWIR",
    description="Radiance that leaves the surface, W m-2 sr-1 um-1, is value * raster:scale, the gain of the scene.",
    fields=radiance_fields(),
    citation="ASTER Level 2 Surface Radiance VNIR and SWIR",
    keywords=("surface radiance", "vnir", "swir"),
    notes=("Not SWIR alone, for which it is taken at places",),
)

PRODUCTS = products_of(TABLE)
