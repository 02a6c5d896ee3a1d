"""NISAR L2 GUNW: geocoded unwrapped and wrapped interferograms and pixel offsets of two acquisitions, HDF5."""

from __future__ import annotations

from collections.abc import Iterator

from stacaster.instruments.nisar_grids import GridLayer, make_product, pair_mask

_POLARIZATIONS = ("HH", "VV", "HV", "VH")


def _of(polarization: str) -> Iterator[GridLayer]:
    unwrapped, wrapped, offsets = (
        f"{group}/{polarization}" for group in ("unwrappedInterferogram", "wrappedInterferogram", "pixelOffsets")
    )

    def layer(path: str, name: str, description: str, **rest: object) -> GridLayer:
        words = f"{description}, {polarization}"
        return GridLayer(path=path, name=f"{name}_{polarization}", description=words, **rest)  # type: ignore[arg-type]

    coarse = {"resolution": 80.0}
    yield layer(
        f"{unwrapped}/unwrappedPhase", "unwrappedPhase", "Unwrapped phase", unit="rad", quantity="phase", **coarse
    )
    yield layer(f"{unwrapped}/connectedComponents", "connectedComponents", "Connected component", data_type="uint16",
                nodata=65535, unit=None, kind="label", **coarse)  # fmt: skip
    yield layer(f"{unwrapped}/coherenceMagnitude", "coherence", "Coherence", quantity="coherence", **coarse)
    yield layer(f"{unwrapped}/ionospherePhaseScreen", "ionosphere", "Phase of the ionosphere", unit="rad",
                quantity="phase", **coarse)  # fmt: skip
    yield layer(f"{unwrapped}/ionospherePhaseScreenUncertainty", "ionosphereUncertainty",
                "Uncertainty of the phase of the ionosphere", unit="rad", quantity="phase", **coarse)  # fmt: skip
    yield layer(f"{wrapped}/wrappedInterferogram", "wrapped", "Wrapped interferogram", data_type="complex64",
                quantity="interferogram")  # fmt: skip
    yield layer(f"{wrapped}/coherenceMagnitude", "wrappedCoherence", "Coherence of the wrapped interferogram",
                quantity="coherence")  # fmt: skip
    for name in ("slantRangeOffset", "alongTrackOffset"):
        words = "Offset in slant range" if name.startswith("slant") else "Offset along the track"
        yield layer(f"{offsets}/{name}", name, words, unit="m", quantity="offset", **coarse)
    yield layer(f"{offsets}/correlationSurfacePeak", "correlationPeak", "Peak of the correlation surface",
                quantity="correlation", **coarse)  # fmt: skip


LAYERS = (
    *(layer for polarization in _POLARIZATIONS for layer in _of(polarization)),
    pair_mask("unwrappedInterferogram/mask", "unwrappedMask"),
    pair_mask("wrappedInterferogram/mask", "wrappedMask"),
    # The specification spells the group of this one without its last letter.
    pair_mask("pixelOffsets/mask", "offsetMask", "pixelOffset/mask"),
)
"""Layers of frequency A, the only one."""

PRODUCT = make_product(
    "GUNW",
    LAYERS,
    frequencies=("frequencyA",),
    title="geocoded unwrapped interferogram",
    description=(
        "One Cloud Optimized GeoTIFF per layer and polarisation: unwrapped phase, coherence, components, ionosphere at "
        "80 m, the complex wrapped interferogram at 20 m, pixel offsets. Time is that of the reference acquisition."
    ),
    keywords=("interferometry", "unwrapped phase", "deformation"),
    renders={"phase": {"title": "Unwrapped phase", "assets": ["unwrappedPhase_HH"], "rescale": [[-20, 20]]}},
    notes=("Cubes of corrections on heights (metadata/radarGrid) get no asset",),
)
