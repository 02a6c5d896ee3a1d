"""What of a scene is wanted: bands, an area on its own lattice, complex layers whole or as amplitude and phase."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stacaster.errors import ReadError
from stacaster.geo import georef
from stacaster.geo.hulls import HullOf
from stacaster.ingest.convert.native_files import touches
from stacaster.ingest.convert.views import band_shape, view_strips
from stacaster.model import PARTS, GranuleContent, OpenGranule, ReadOptions, Scene, SceneBand

if TYPE_CHECKING:
    from numpy.typing import NDArray

OUTSIDE = "no pixel of it lies in the area that was asked for"
"""Why a granule or band is left out."""

POINTS_OUTSIDE = "no point of it lies in the area that was asked for"
"""Why a granule of tracks is left out."""

NO_POINT = "it holds no point"
"""Why a granule of tracks without an area is left out."""


def chosen(scene: Scene, content: GranuleContent, options: ReadOptions) -> Scene | None:
    """Return a scene with what the user wants of it, or None when nothing of it lies in the area.

    Raises:
        ReadError: None of the bands that were asked for is there.
    """
    if scene.footprint is not None and options.area is not None and not touches(scene, options.area):
        return None
    if not scene.bands:
        return replace(scene)
    absent = dict(scene.absent)
    kept: list[SceneBand] = []
    for band in scene.bands:
        if options.wants(band.band.name, content.layers[band.layer].name):
            kept.append(band)
        else:
            absent[band.band.name] = f"{band.band.name} was not asked for"
    if not kept:
        there = ", ".join(band.band.name for band in scene.bands)
        text = f"none of the bands {', '.join(options.bands)} is in it; there are {there}"
        raise ReadError(text, granule=content.name)
    kept = [part for band in kept for part in _parts(band, content.layers[band.layer].name, options)]
    if options.area is None or any(band.geobox.crs is None for band in kept):
        # What lies on no grid of a map is not cut.
        return replace(scene, bands=tuple(kept), absent=absent)
    inside = []
    for band in kept:
        window = georef.window_around(band.geobox, options.area)
        if window is None:
            absent[band.band.name] = OUTSIDE
        else:
            inside.append(replace(band, window=window, geobox=band.geobox[window]))
    if not inside:
        return None
    properties = {**scene.properties, "stacaster:cut_to": dict(options.area)}
    # The outline of a whole swath is not that of a part: valid pixels say it.
    return replace(scene, bands=tuple(inside), absent=absent, properties=properties, footprint=None)


def _parts(band: SceneBand, layer: str, options: ReadOptions) -> list[SceneBand]:
    table = band.band
    if not options.split_complex or not table.data_type.startswith("complex"):
        return [band]
    # Amplitudes of single looks average in power; products of two channels are power already. Phases are only copied.
    is_look = table.quantity == "single_look_complex"
    amplitude = replace(
        table, name=f"{table.name}_amplitude", description=f"Amplitude of: {table.description}", data_type="float32",
        kind="amplitude" if is_look else "continuous",
    )  # fmt: skip
    phase = replace(
        table, name=f"{table.name}_phase", description=f"Phase of: {table.description}", data_type="float32",
        unit="rad", quantity="phase", kind="label",
    )  # fmt: skip
    wholes = {table.name, layer} if options.subsystems else {table.name}
    named = set(options.bands)
    ends = [end for end in PARTS
            if not named or named & wholes or named & {f"{whole}{end}" for whole in wholes}]  # fmt: skip
    made = {"_amplitude": replace(band, band=amplitude, part="amplitude"),
            "_phase": replace(band, band=phase, part="phase")}  # fmt: skip
    return [made[end] for end in ends]


def reading(granule: OpenGranule, band: SceneBand, hull: HullOf) -> Callable[[], Iterator[NDArray[Any]]]:
    """Return what gives the pixels of a band, and tells a hull of them.

    Args:
        granule: The open granule.
        band: One of its bands.
        hull: Takes every strip.
    """

    def read() -> Iterator[NDArray[Any]]:
        import numpy as np

        rows, cols = (slice(0, size) for size in band_shape(granule, band))
        window = band.window or (rows, cols)
        strips = granule.strips(band.layer, window) if band.view is None else view_strips(granule, band, window)
        for strip in strips:
            taken: NDArray[Any] = strip
            if band.part == "amplitude":
                taken = np.abs(strip)
            elif band.part == "phase":
                taken = np.angle(strip)
            elif band.recoded is not None:
                taken = _recoded(strip, band, granule.content.name)
            hull.add(taken)
            yield taken

    return read


def _recoded(strip: NDArray[Any], band: SceneBand, granule: str) -> NDArray[Any]:
    """Return whole numbers in the type of the band; its fill value stands for that of the file.

    Raises:
        ReadError: A number does not fit into the type.
    """
    import numpy as np

    table = band.band
    kind = np.dtype(table.data_type)
    # A fill value beyond a signed type is written with the same bits: 255 as -1.
    fill = np.asarray(band.recoded).astype("int64").astype(strip.dtype)
    limits = np.iinfo(kind)
    inside = (strip == fill) | ((strip >= limits.min) & (strip <= limits.max) & (strip != table.nodata))
    if not inside.all():
        raise ReadError(f"{band.layer} holds {strip[~inside][0]}, which is no value of {kind}", granule=granule)
    found: NDArray[Any] = np.where(strip == fill, strip.dtype.type(0), strip).astype(kind)
    found[strip == fill] = table.nodata
    return found
