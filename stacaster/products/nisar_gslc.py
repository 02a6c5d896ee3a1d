"""NISAR L2 GSLC: geocoded single-look complex images, HDF5. The squared amplitude is the power of beta0."""

from __future__ import annotations

from stacaster.instruments.nisar_grids import GridLayer, make_product, swath_mask

# The mean of single looks, whose phases are by chance, loses their power: overviews keep one look of each block.
LAYERS = (
    *(GridLayer(path=name, name=name, description=f"Single-look complex {name}", data_type="complex64",
                quantity="single_look_complex", kind="label", resolution=5.0)
      for name in ("HH", "HV", "VH", "VV", "RH", "RV")),
    swath_mask(),
)  # fmt: skip
"""Layers of one frequency."""

PRODUCT = make_product(
    "GSLC",
    LAYERS,
    title="geocoded single-look complex",
    description=(
        "One Cloud Optimized GeoTIFF of complex numbers per polarisation, or one of amplitude and one of phase. "
        "The squared amplitude is beta0, linear power. Bands of the second frequency end in _B."
    ),
    keywords=("single-look complex", "interferometry"),
)
