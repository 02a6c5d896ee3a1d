"""AST_07XT: surface reflectance, VNIR and SWIR, with SWIR corrected for crosstalk."""

from __future__ import annotations

from stacaster.instruments.aster_level2 import products_of
from stacaster.instruments.aster_tables import Level2, surface_fields

TABLE = Level2(
    short_name="AST_07XT",
    title="surface reflectance of VNIR and crosstalk-corrected SWIR",
    description="Reflectance at the surface is value * 0.001; light of band 4 that strayed into SWIR is removed.",
    fields=surface_fields(
        "SurfaceReflectance",
        prefix="SRF",
        data={
            "data_type": "int16",
            "unit": "1",
            "nodata": 0,
            "quantity": "surface_reflectance",
            "solar_illumination": None,
        },
        scale=0.001,
    ),
    citation="ASTER Level 2 Surface Reflectance VNIR and Crosstalk Corrected SWIR",
    keywords=("surface reflectance", "vnir", "swir", "minerals"),
    renders={
        "false-colour": {
            "title": "False colour: near infrared, red, green",
            "assets": ["B03N", "B02", "B01"],
            "rescale": [[0, 600], [0, 600], [0, 600]],
        }
    },
)

PRODUCTS = products_of(TABLE)
