"""AST_09T: surface radiance and sky irradiance, TIR.

The names of the five fields of sky irradiance in the HDF form are not documented: any field of the file that speaks of
irradiance and ends in the number of the band is taken.
"""

from __future__ import annotations

from dataclasses import replace

from stacaster.instruments.aster_level2 import products_of
from stacaster.instruments.aster_tables import Field, Level2, bands_like, quality_fields

_NAMES = ("B10", "B11", "B12", "B13", "B14")
_SWATH = "SurfaceRadianceTIR"
_DATA = {"data_type": "uint16", "nodata": 0}


def _fields() -> tuple[Field, ...]:
    radiance = [
        Field(band=band, field=f"Band{band.name[1:]}", swath=_SWATH, file=f"SRA_TIR_{band.name}")
        for band in bands_like(_NAMES, quantity="surface_radiance", **_DATA)
    ]
    sky = [
        Field(
            band=replace(
                band,
                name=f"SIR_{band.name}",
                description=f"Sky irradiance in the range of {band.description}",
                unit="W m-2 um-1",
                common_name=None,
            ),
            field=rf"\w*irradiance\w*?_?(band)?_?{band.name[1:]}|(band)?{band.name[1:]}_?\w*irradiance\w*",
            swath=r"\w*",
            file=f"SIR_TIR_{band.name}",
        )
        for band in bands_like(_NAMES, quantity="sky_irradiance", **_DATA)
    ]
    return (*radiance, *sky, *quality_fields("TIR", swath=_SWATH, file="SRA(_TIR)?"))


TABLE = Level2(
    short_name="AST_09T",
    title="surface radiance and sky irradiance of TIR",
    description=(
        "Radiance that leaves the surface, W m-2 sr-1 um-1, and irradiance from the sky, W m-2 um-1, are value * "
        "raster:scale. stacaster.emissivity.separate_temperature makes temperature and emissivity of them."
    ),
    fields=_fields(),
    citation="ASTER Level 2 Surface Radiance TIR",
    keywords=("surface radiance", "sky irradiance", "tir"),
)

PRODUCTS = products_of(TABLE)
