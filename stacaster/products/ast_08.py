"""AST_08: surface kinetic temperature, by temperature-emissivity separation. Scale 0.1 K, valid from 200 to 3200."""

from __future__ import annotations

from stacaster.instruments.aster_level2 import products_of
from stacaster.instruments.aster_tables import Field, Level2, quality_fields
from stacaster.model import Band

_SWATH = "SurfaceKineticTemperature"

TABLE = Level2(
    short_name="AST_08",
    title="surface kinetic temperature",
    description="Temperature of the surface in kelvin is value * 0.1.",
    fields=(
        Field(
            band=Band(
                name="SKT",
                description="ASTER surface kinetic temperature",
                data_type="uint16",
                nodata=0,
                group="TIR",
                resolution=90.0,
                unit="K",
                quantity="surface_temperature",
            ),
            field="KineticTemperature",
            swath=_SWATH,
            file="SKT",
            scale=0.1,
        ),
        *quality_fields("TIR", swath=_SWATH, file="SKT"),
    ),
    citation="ASTER Level 2 Surface Kinetic Temperature",
    keywords=("surface temperature", "tir"),
)

PRODUCTS = products_of(TABLE)
