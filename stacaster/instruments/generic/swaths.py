"""Swaths, whose pixels each have their own latitude and longitude: an item with the outline and the file as it came."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.errors import UnknownProductError
from stacaster.geo.georef import GeoreferencingError
from stacaster.geo.outlines import ring_footprint
from stacaster.instruments.generic.describe import UNKNOWN_TIME
from stacaster.instruments.generic.identity import identify
from stacaster.instruments.generic.names import collection_id
from stacaster.model import FileKind, GranuleContent, Product, Scene

if TYPE_CHECKING:
    from numpy.typing import NDArray

_KEY = "data"
_MEDIA = {".hdf": "application/x-hdf", ".hdf4": "application/x-hdf", ".nc": "application/x-netcdf",
          ".nc4": "application/x-netcdf"}  # fmt: skip
_POINTS_A_SIDE = 64


def geolocations(content: GranuleContent) -> list[tuple[str, str]]:
    """Return the pairs of layers with latitudes and longitudes of the swaths of a file."""
    pairs = [layer.geolocation for layer in content.layers.values() if layer.geolocation is not None]
    return list(dict.fromkeys(pair for pair in pairs if set(pair) <= set(content.layers)))


def swath_product(content: GranuleContent) -> Product:
    """Return a product that takes the file of a swath in as it came, with the outline of its positions.

    Args:
        content: What the reader found; its granule is open.

    Raises:
        UnknownProductError: No swath of it has positions that enclose an area.
    """
    identity = identify(content)
    geometry, rule = outline(content)
    fields = [layer.path for layer in content.layers.values() if layer.geolocation is not None]
    notes = [
        "a swath: every pixel has its own latitude and longitude; the file is kept as it came, and its outline is that "
        "of its positions"
    ]
    if identity.start is None:
        notes.append(
            "nothing in the file, its sidecars or its name says when it was observed: datetime is a placeholder"
        )
    properties: dict[str, Any] = {
        "stacaster:georeferencing": rule, "stacaster:swath_fields": fields, **identity.properties,
        **({"stacaster:time_unknown": True} if identity.start is None else {}),
    }  # fmt: skip
    extensions = {name for key, name in (("eo:cloud_cover", "eo"), ("sat:absolute_orbit", "sat")) if key in properties}
    path: Path = content.files[0]
    scene = Scene(
        id=identity.granule,
        datetime=identity.start or UNKNOWN_TIME,
        start_datetime=identity.start if identity.end is not None else None,
        end_datetime=identity.end,
        created=identity.created,
        bands=(),
        notes=tuple(notes),
        properties=properties,
        extensions=tuple(sorted(extensions)),
        files={_KEY: path},
        footprint=geometry,
        short_name=None if identity.short_name else "",
    )
    name = collection_id(identity.short_name, identity.version, content, fields)
    media = _MEDIA.get(path.suffix.lower(), "application/x-hdf5")
    return Product(
        name=name.replace("-", "_"),
        collection_id=name,
        short_name=identity.short_name or name,
        version=identity.version,
        title=identity.title,
        description=f"{identity.title}: swaths, kept as the files came.",
        reader=content.reader,
        bands=(),
        files=(FileKind(key=_KEY, description="The granule as it came", media_type=media),),
        platform=identity.platform,
        instruments=identity.instruments,
        processing_level=identity.level,
        doi=identity.doi,
        citation="",
        license="other",
        providers=(),
        keywords=(),
        recognise=lambda _: True,
        describe=lambda _, __: scene,
        is_generic=True,
    )


def outline(content: GranuleContent) -> tuple[dict[str, Any], str]:
    """Return the outline of the positions of a swath as GeoJSON, and what it is made from.

    Raises:
        UnknownProductError: No swath of the file has positions that enclose an area.
    """
    problem = "the file has no positions"
    for pair in geolocations(content):
        assert content.read_positions is not None
        latitude, longitude = (np.asarray(content.read_positions(name), dtype="float64") for name in pair)
        ring = _edge(latitude, longitude)
        if ring is None:
            problem = f"{pair[0]} and {pair[1]} hold no positions on the Earth along an edge"
            continue
        try:
            geometry, _ = ring_footprint(*ring)
        except GeoreferencingError as error:
            problem = f"{pair[0]} and {pair[1]}: {error}"
            continue
        return geometry, f"edge of {pair[0]} and {pair[1]}"
    raise UnknownProductError(f"the swath cannot be placed: {problem}", granule=content.name)


def _edge(latitude: NDArray[Any], longitude: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """Return longitudes and latitudes around an array of positions, the outermost valid ones of each line."""
    if latitude.ndim != 2 or latitude.shape != longitude.shape or min(latitude.shape) < 2:
        return None
    valid = (np.abs(latitude) <= 90) & (np.abs(longitude) <= 360) & np.isfinite(latitude) & np.isfinite(longitude)
    lines = np.flatnonzero(valid.any(axis=1))
    if lines.size < 2:
        return None
    chosen = lines[np.unique(np.linspace(0, lines.size - 1, _POINTS_A_SIDE).astype(int))]
    first = valid[chosen].argmax(axis=1)
    last = valid.shape[1] - 1 - valid[chosen, ::-1].argmax(axis=1)
    top, bottom = (np.flatnonzero(valid[line])[:: max(1, valid.shape[1] // _POINTS_A_SIDE)] for line in chosen[[0, -1]])
    rows = np.concatenate([np.full(top.size, chosen[0]), chosen, np.full(bottom.size, chosen[-1]), chosen[::-1]])
    columns = np.concatenate([top, last, bottom[::-1], first[::-1]])
    return longitude[rows, columns], latitude[rows, columns]
