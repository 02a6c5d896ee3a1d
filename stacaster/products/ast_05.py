"""AST_05: surface emissivity of the five TIR bands, by temperature-emissivity separation. Scale 0.001."""

from __future__ import annotations

from stacaster.instruments.aster_level2 import products_of
from stacaster.instruments.aster_tables import Field, Level2, bands_like, quality_fields

_NAMES = ("B10", "B11", "B12", "B13", "B14")
_SWATH = "SurfaceEmissivity"

TABLE = Level2(
    short_name="AST_05",
    title="surface emissivity of TIR",
    description="Emissivity is value * 0.001.",
    fields=(
        *(
            Field(band=band, field=f"Band{band.name[1:]}", swath=_SWATH, file=f"SRE_TIR_{band.name}", scale=0.001)
            for band in bands_like(_NAMES, data_type="uint16", nodata=0, unit="1", quantity="emissivity")
        ),
        *quality_fields("TIR", swath=_SWATH, file="SRE(_TIR)?"),
    ),
    citation="ASTER Level 2 Surface Emissivity",
    keywords=("emissivity", "tir", "minerals"),
    renders={
        "silica": {
            "title": "Emissivity of bands 14, 12, 10",
            "assets": ["B14", "B12", "B10"],
            "rescale": [[700, 1000], [700, 1000], [700, 1000]],
        }
    },
)

PRODUCTS = products_of(TABLE)
