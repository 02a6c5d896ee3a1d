"""Level 1A of ASTER: radiance by the correction table of each column, and what the file knows of the instrument."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stacaster.errors import ReadError, UsageError
from stacaster.instruments.aster_l1a import BANDS, swath_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stacaster.model import OpenGranule

ANCILLARY = (
    "LatticePoint", "SatellitePosition", "SatelliteVelocity", "SightVector", "AttitudeAngle", "AttitudeRate",
    "ObservationTime", "RadiometricCorrTable",
)  # fmt: skip
"""Fields of each band beside its image."""

_TABLE = "RadiometricCorrTable"


def ancillary(path: str | os.PathLike[str], band: str) -> dict[str, NDArray[Any]]:
    """Return what a level 1A file says of the geometry and calibration of a band, as it is stored.

    Args:
        path: The HDF file: the asset ``data`` of an item.
        band: Name of the band, such as ``B03N`` or ``B03B``.

    Returns:
        Those of ``ANCILLARY`` that the file has, by name.

    Raises:
        UsageError: There is no such band.
        ReadError: The file cannot be read, or lacks the band.
    """
    swath = _swath(band)
    with _opened(path) as granule:
        _image(granule, swath)
        found = {name: f"{swath}/{name}" for name in ANCILLARY}
        return {name: granule.read_layer(key) for name, key in found.items() if key in granule.content.layers}


def radiance(path: str | os.PathLike[str], band: str) -> NDArray[Any]:
    """Return the counts of a VNIR or SWIR band corrected by the table of each column: A * count / G + D.

    Args:
        path: The HDF file: the asset ``data`` of an item.
        band: Name of the band, such as ``B03N`` or ``B03B``.

    Returns:
        Radiance, W m-2 sr-1 um-1, float32, shape (lines, columns); NaN where the count is 0, which is fill.

    Raises:
        UsageError: There is no such band, or it is thermal: the meaning of the columns of these tables is not known
            to stacaster; ``ancillary`` gives them.
        ReadError: The file cannot be read, lacks the band, or its table does not fit the image.
    """
    import numpy as np

    swath = _swath(band)
    if swath.startswith("TIR"):
        raise UsageError(f"band is {band!r}, but tables of VNIR and SWIR alone are applied; 'ancillary' reads others")
    with _opened(path) as granule:
        image = _image(granule, swath)
        counts = granule.read_layer(image)
        key = f"{swath}/{_TABLE}"
        if key not in granule.content.layers:
            raise ReadError(f"{swath} has no {_TABLE}", granule=granule.content.name)
        table = granule.read_layer(key).astype("float64")
    if table.shape != (counts.shape[1], 3) or not (table[:, 2] != 0).all():
        text = f"{key} is of shape {table.shape}, but offset, factor and gain of {counts.shape[1]} columns are needed"
        raise ReadError(text, granule=Path(path).name)
    offset, factor, gain = table.T
    corrected = factor * counts / gain + offset
    return np.where(counts == 0, np.nan, corrected).astype("float32")


def _swath(band: str) -> str:
    found = next((entry for entry in BANDS if entry.name == band), None)
    if found is None:
        raise UsageError(f"band is {band!r}, but one of {', '.join(entry.name for entry in BANDS)} is needed")
    return swath_of(found)


def _opened(path: str | os.PathLike[str]) -> OpenGranule:
    from stacaster.formats.readers import open_granule

    return open_granule([Path(path)])


def _image(granule: OpenGranule, swath: str) -> str:
    key = f"{swath}/ImageData"
    if key not in granule.content.layers:
        raise ReadError(f"has no image {key}", granule=granule.content.name)
    return key
