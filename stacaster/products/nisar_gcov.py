"""NISAR L2 GCOV: geocoded polarimetric covariance, radiometrically terrain corrected (gamma0), HDF5.

Backscatter is stored as linear power and stays so; sigma0 is gamma0 times ``rtcGammaToSigmaFactor``. Complex terms are
there where full covariance was processed.
"""

from __future__ import annotations

from stacaster.instruments.nisar_grids import GridLayer, make_product, swath_mask

_POWER = ("HHHH", "HVHV", "VHVH", "VVVV", "RHRH", "RVRV")
# RVRH is the conjugate of RHRV, which specification 1.1.0 had in its place.
_COMPLEX = ("HHHV", "HHVH", "HHVV", "HVVH", "HVVV", "VHVV", "RHRV", "RVRH")

LAYERS = (
    *(GridLayer(path=term, name=term, description=f"Backscatter gamma0 {term[:2]}, linear power", quantity="gamma0",
                fields={"stacaster:sigma0_factor": "rtcGammaToSigmaFactor"}) for term in _POWER),
    *(GridLayer(path=term, name=term, description=f"Covariance of {term[:2]} and {term[2:]}", data_type="complex64",
                quantity="covariance") for term in _COMPLEX),
    GridLayer(path="rtcGammaToSigmaFactor", name="rtcGammaToSigmaFactor", description="sigma0 = gamma0 * factor",
              quantity="factor", is_expected=True),
    GridLayer(path="numberOfLooks", name="numberOfLooks", description="Radar samples averaged in a pixel",
              quantity="looks", is_expected=True),
    swath_mask(),
)  # fmt: skip
"""Layers of one frequency."""

PRODUCT = make_product(
    "GCOV",
    LAYERS,
    title="geocoded polarimetric covariance",
    description=(
        "One Cloud Optimized GeoTIFF per covariance term with the linear power of gamma0, unchanged. sigma0 is gamma0 "
        "* rtcGammaToSigmaFactor. Bands of the second frequency end in _B."
    ),
    keywords=("backscatter", "gamma0"),
    renders={
        "backscatter": {
            "title": "HH, HV, HH",
            "assets": ["HHHH", "HVHV", "HHHH"],
            "rescale": [[0, 0.4], [0, 0.1], [0, 0.4]],
        },
        "one-polarisation": {"title": "HH", "assets": ["HHHH"], "rescale": [[0, 0.4]]},
    },
)
