"""Level 1A of ASTER: counts in the geometry of the instrument, with control points worked out from its lines of sight.

Each band is a swath of its own (``VNIR_Band3N``) with an image, a lattice of pixels (``LatticePoint``) and what is
known of each of them. Version 003 states latitudes and longitudes of the lattice, geocentric ones; version 004 does
not, so that lines of sight are followed to the ellipsoid.
Sources: ASTER Users Handbook v2 for geocentric latitudes; Ames Stereo Pipeline (aster2asp) for the frame of orbit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stacaster.errors import ReadError
from stacaster.geo.swaths import geodetic_latitude
from stacaster.instruments import aster
from stacaster.model import Band, GranuleContent, GridPoint

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BANDS = (*aster.BANDS[:3], aster.BACKWARD, *aster.BANDS[3:])
"""All bands, with the one that looks backward."""

_SEMI_MAJOR, _SEMI_MINOR = 6378137.0, 6356752.314245


def swath_of(band: Band) -> str:
    """Return the name of the swath of a band: ``VNIR_Band3N``."""
    return f"{band.group}_Band{aster.odl_suffix(band)}"


def control_points(content: GranuleContent, band: Band) -> tuple[GridPoint, ...]:
    """Return the places of the pixels of the lattice of a band; those that look past the Earth are left out.

    Args:
        content: What the reader found; its granule is open.
        band: One of ``BANDS``.

    Raises:
        ReadError: The file gives neither positions nor lines of sight, or fields that do not fit together.
    """
    import numpy as np

    group = swath_of(band)
    pixels = _field(content, f"{group}/LatticePoint")
    if pixels is None or pixels.ndim != 3 or pixels.shape[2] != 2:
        raise ReadError(
            f"{group} has no LatticePoint with pixels and lines: its place is unknown", granule=content.name
        )
    latitude, longitude = _positions(content, group)
    if latitude.shape != pixels.shape[:2]:
        text = f"{group} has positions of {latitude.shape} and a lattice of {pixels.shape[:2]}"
        raise ReadError(text, granule=content.name)
    seen = np.isfinite(latitude) & np.isfinite(longitude) & (np.abs(latitude) <= 90)
    if seen.sum() < 4:
        raise ReadError(f"{group}: fewer than four points of the lattice lie on the Earth", granule=content.name)
    columns = zip(pixels[seen, 1], pixels[seen, 0], longitude[seen], latitude[seen], strict=True)
    return tuple(
        GridPoint(line=float(line), pixel=float(pixel), longitude=float(lon), latitude=float(lat), height=0.0)
        for line, pixel, lon, lat in columns
    )


def _positions(content: GranuleContent, group: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return geodetic latitudes and longitudes of a lattice, degrees."""
    stated = _field(content, f"{group}/Latitude"), _field(content, f"{group}/Longitude")
    if stated[0] is not None and stated[1] is not None and stated[0].shape == stated[1].shape:
        return geodetic_latitude(stated[0]), stated[1]
    names = ("SatellitePosition", "SatelliteVelocity", "SightVector")
    fields = {name: _field(content, f"{group}/{name}") for name in names}
    missing = [name for name, value in fields.items() if value is None]
    if missing:
        text = f"{group} has neither positions nor {', '.join(missing)}: its place is unknown"
        raise ReadError(text, granule=content.name)
    position, velocity, sight = (fields[name] for name in names)
    assert position is not None and velocity is not None and sight is not None
    fits = position.shape == velocity.shape == (len(sight), 3) and sight.ndim == 3 and sight.shape[2] == 3
    if not fits:
        shapes = f"{position.shape}, {velocity.shape} and {sight.shape}"
        raise ReadError(f"{group}: positions, velocities and lines of sight are of {shapes}", granule=content.name)
    return lines_of_sight(position, velocity, sight)


def lines_of_sight(
    position: NDArray[np.float64], velocity: NDArray[np.float64], sight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Follow lines of sight from a satellite to the ellipsoid of WGS 84.

    Args:
        position: Of the satellite, metres, fixed to the Earth, shape (times, 3).
        velocity: Of the satellite, likewise, in any unit.
        sight: Directions in the frame of the orbit, shape (times, columns, 3): the third axis points to the centre of
            the Earth, the second one against the normal of the orbit, the first one forward.

    Returns:
        Geodetic latitudes and longitudes, degrees, shape (times, columns); NaN for what looks past the Earth.
    """
    import numpy as np

    def unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        length = np.sqrt((vectors**2).sum(axis=-1, keepdims=True))
        return np.asarray(vectors / np.where(length > 0, length, np.nan))

    down, across = -unit(position), -unit(np.cross(position, velocity))
    frame = np.stack([np.cross(across, down), across, down], axis=-1)
    direction = unit(np.einsum("tij,tcj->tci", frame, sight))
    axes = np.array([_SEMI_MAJOR, _SEMI_MAJOR, _SEMI_MINOR])
    start, along = (position / axes)[:, None, :], direction / axes
    a, b, c = (along**2).sum(axis=-1), (start * along).sum(axis=-1), (start**2).sum(axis=-1) - 1
    with np.errstate(invalid="ignore"):
        distance = (-b - np.sqrt(b**2 - a * c)) / a
    distance = np.where(distance > 0, distance, np.nan)
    x, y, z = np.moveaxis(position[:, None, :] + distance[..., None] * direction, -1, 0)
    # On the ellipsoid itself the normal is known exactly.
    ratio = (_SEMI_MAJOR / _SEMI_MINOR) ** 2
    return np.degrees(np.arctan2(z * ratio, np.hypot(x, y))), np.degrees(np.arctan2(y, x))


def _field(content: GranuleContent, path: str) -> NDArray[np.float64] | None:
    import numpy as np

    if path not in content.layers or content.read_positions is None:
        return None
    return np.asarray(content.read_positions(path), dtype="float64")


def edge(points: tuple[GridPoint, ...]) -> Any:
    """Return longitudes and latitudes around control points, shape (n, 2)."""
    import numpy as np

    rows = sorted({point.line for point in points})
    lines = [sorted((p for p in points if p.line == row), key=lambda p: p.pixel) for row in rows]
    ring = [*lines[0], *(line[-1] for line in lines[1:]), *lines[-1][-2::-1], *(line[0] for line in lines[-2:0:-1])]
    return np.array([[point.longitude, point.latitude] for point in ring])
