"""What of a scene is wanted: bands, an area on its own lattice, complex layers whole or as amplitude and phase."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stacaster import georef
from stacaster.convert.whole import touches
from stacaster.errors import ReadError
from stacaster.hulls import HullOf
from stacaster.model import GranuleContent, OpenGranule, ReadOptions, Scene, SceneBand

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
        names = {band.band.name, content.layers[band.layer].name if options.subsystems else band.band.name}
        if options.bands and names.isdisjoint(options.bands):
            absent[band.band.name] = f"{band.band.name} was not asked for"
        else:
            kept.append(band)
    if not kept:
        there = ", ".join(band.band.name for band in scene.bands)
        text = f"none of the bands {', '.join(options.bands)} is in it; there are {there}"
        raise ReadError(text, granule=content.name)
    kept = [part for band in kept for part in _parts(band, split=options.split_complex)]
    if options.area is None or scene.footprint is not None:
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
    return replace(scene, bands=tuple(inside), absent=absent, properties=properties)


def _parts(band: SceneBand, *, split: bool) -> list[SceneBand]:
    if not split or not band.band.data_type.startswith("complex"):
        return [band]
    table = band.band
    amplitude = replace(
        table, name=f"{table.name}_amplitude", description=f"Amplitude of: {table.description}", data_type="float32"
    )
    phase = replace(
        table, name=f"{table.name}_phase", description=f"Phase of: {table.description}", data_type="float32",
        unit="rad", quantity="phase",
    )  # fmt: skip
    return [replace(band, band=amplitude, part="amplitude"), replace(band, band=phase, part="phase")]


def reading(granule: OpenGranule, band: SceneBand, hull: HullOf) -> Callable[[], Iterator[NDArray[Any]]]:
    """Return what gives the pixels of a band, and tells a hull of them.

    Args:
        granule: The open granule.
        band: One of its bands.
        hull: Takes every strip.
    """

    def read() -> Iterator[NDArray[Any]]:
        import numpy as np

        rows, cols = (slice(0, int(size)) for size in granule.content.layers[band.layer].shape)
        for strip in granule.strips(band.layer, band.window or (rows, cols)):
            taken: NDArray[Any] = strip
            if band.part == "amplitude":
                taken = np.abs(strip)
            elif band.part == "phase":
                taken = np.angle(strip)
            hull.add(taken)
            yield taken

    return read
