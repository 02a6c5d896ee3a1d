"""NISAR L2 GOFF: geocoded pixel offsets of two acquisitions, three layers of window sizes, HDF5."""

from __future__ import annotations

from stacaster.instruments.nisar_grids import GridLayer, make_product, pair_mask

_FIELDS = (
    ("slantRangeOffset", "Offset in slant range", "m", "offset"),
    ("alongTrackOffset", "Offset along the track", "m", "offset"),
    ("correlationSurfacePeak", "Peak of the correlation surface", "1", "correlation"),
    ("snr", "Signal-to-noise ratio", "1", "ratio"),
    ("alongTrackOffsetVariance", "Variance of the offset along the track", "m^2", "variance"),
    ("slantRangeOffsetVariance", "Variance of the offset in slant range", "m^2", "variance"),
    ("crossOffsetVariance", "Covariance of both offsets", "m^2", "variance"),
)

# Specification 1.1.0.
_ONCE = {"slantRangeOffsetVariance": ("slantRangeVariance",)}

LAYERS = (
    *(GridLayer(path=f"pixelOffsets/{polarization}/layer{number}/{field}", name=f"{field}_{polarization}_{number}",
                description=f"{words}, {polarization}, layer {number}", unit=unit, quantity=quantity, resolution=80.0,
                once=tuple(f"pixelOffsets/{polarization}/layer{number}/{name}" for name in _ONCE.get(field, ())))
      for polarization in ("HH", "VV", "HV", "VH") for number in (1, 2, 3) for field, words, unit, quantity in _FIELDS),
    pair_mask("pixelOffsets/mask", "offsetMask"),
)  # fmt: skip
"""Layers of frequency A, the only one."""

PRODUCT = make_product(
    "GOFF",
    LAYERS,
    frequencies=("frequencyA",),
    title="geocoded pixel offsets",
    description=(
        "One Cloud Optimized GeoTIFF per offset, polarisation and layer of window sizes. Time is that of the reference "
        "acquisition."
    ),
    keywords=("offset tracking", "deformation", "ice velocity"),
)
