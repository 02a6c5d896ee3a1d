"""Identification and axes of simulated NISAR L2 granules, in the form of each version of the specification.

Source: NISAR product specifications 1.1.0 to 1.4.0; isce3, ``h5_prep.py``, for the attributes of axes.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stacaster.samples.nisar_scene import NisarScene


OUTLINE = ((138.45, -31.05), (138.43, -31.12), (138.55, -31.15), (138.57, -31.08), (138.45, -31.05))
"""Longitudes and latitudes of the outline that granules state."""


def polygon() -> str:
    """Return the outline as text with heights."""
    return "POLYGON ((" + ", ".join(f"{x} {y} 120.0" for x, y in OUTLINE) + "))"


def write_identification(group: Any, scene: NisarScene) -> None:
    """Write the group ``identification``: names and types of the version of the specification.

    Args:
        group: The group.
        scene: The acquisition.
    """
    version, length = scene.specification, dt.timedelta(seconds=23)
    texts = {
        "missionId": "SIMULATED", "processingCenter": "JPL", "productType": scene.kind, "granuleId": scene.name,
        "productVersion": "1.0.0", "productSpecificationVersion": version, "lookDirection": "Left",
        "orbitPassDirection": "Descending", "radarBand": scene.band, "isGeocoded": str(scene.kind != "RSLC"),
        "productLevel": "L1" if scene.kind == "RSLC" else "L2",
        "isUrgentObservation": "False", "boundingPolygon": polygon(), "processingType": "Nominal",
        "processingDateTime": f"{scene.start + dt.timedelta(days=2):%Y-%m-%dT%H:%M:%S}", "isMixedMode": "False",
        "instrumentName": f"{scene.band}SAR", "compositeReleaseId": scene.crid, "isDithered": "False",
    }  # fmt: skip
    if version >= "1.2":
        texts |= {"productDoi": "10.5067/SIMULATED", "platformName": "NISAR", "isFullFrame": "True"}
    else:
        texts["boundingBox"] = polygon()
    spans = {"reference": scene.start, "secondary": scene.second} if scene.is_pair else {"": scene.start}
    lists = {"listOfFrequencies": ["A"] if scene.is_pair else ["A", "B"]}
    for prefix, start in spans.items():
        texts[_joined(prefix, "zeroDopplerStartTime")] = f"{start:%Y-%m-%dT%H:%M:%S}.000000000"
        texts[_joined(prefix, "zeroDopplerEndTime")] = f"{start + length:%Y-%m-%dT%H:%M:%S}.000000000"
        if version >= "1.2":
            texts[_joined(prefix, "isJointObservation")] = "False"
        if version >= ("1.4" if prefix else "1.3"):
            lists[_joined(prefix, "listOfObservationModes")] = [scene.mode]
        own = prefix if version >= "1.3" else ""
        lists |= {_joined(own, name): ["simulated"] for name in ("plannedDatatakeId", "plannedObservationId")}
    for name, text in texts.items():
        group.create_dataset(name, data=np.bytes_(text))
    for name, values in lists.items():
        group.create_dataset(name, data=np.array(values, dtype="S"))
    if version >= "1.4":
        group.parent.create_dataset(f"{scene.kind}/identification/staticLayersDataAccess", data=np.bytes_("simulated"))
    # One byte before specification 1.2.
    group.create_dataset("trackNumber", data=np.array(113, dtype="u1" if version < "1.2" else "u4"))
    group.create_dataset("frameNumber", data=np.array(65, dtype="u2"))
    group.create_dataset("diagnosticModeFlag", data=np.uint8(0))
    # One number of pairs, too, before specification 1.2.
    orbits = list(spans) if version >= "1.2" else [""]
    for number, prefix in enumerate(orbits):
        value = np.array(1000 + 173 * (scene.cycle + number), dtype="u4")
        group.create_dataset(_joined(prefix, "absoluteOrbitNumber"), data=value)


def _joined(prefix: str, name: str) -> str:
    return prefix + name[0].upper() + name[1:] if prefix else name


def coordinates(scene: NisarScene, factor: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return eastings and northings of pixel centres.

    Args:
        scene: The acquisition.
        factor: Size of a pixel by that of frequency A.
    """
    rows, cols = (int(size / factor) for size in scene.shape)
    step = scene.spacing * factor
    return scene.corner[0] + step * (np.arange(cols) + 0.5), scene.corner[1] - step * (np.arange(rows) + 0.5)


def write_axes(group: Any, scene: NisarScene, factor: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """Write coordinates of pixel centres as dimension scales, their spacing, and the projection.

    Args:
        group: The group of the grid.
        scene: The acquisition.
        factor: Size of a pixel by that of frequency A.

    Returns:
        Eastings and northings.
    """
    from pyproj import CRS

    x, y = coordinates(scene, factor)
    for name, values in (("xCoordinates", x), ("yCoordinates", y)):
        scale = group.create_dataset(name, data=values)
        scale.make_scale(name)
        scale.attrs["units"] = np.bytes_("meters")
        scale.attrs["standard_name"] = np.bytes_(f"projection_{name[0]}_coordinate")
    group.create_dataset("xCoordinateSpacing", data=x[1] - x[0])
    group.create_dataset("yCoordinateSpacing", data=y[1] - y[0])
    projection = group.create_dataset("projection", data=np.uint32(scene.epsg))
    crs = CRS.from_epsg(scene.epsg)
    projection.attrs["epsg_code"] = scene.epsg
    projection.attrs["spatial_ref"] = np.bytes_(crs.to_wkt("WKT1_GDAL"))
    for key, value in crs.to_cf().items():
        if key != "crs_wkt" and isinstance(value, (str, float)):
            projection.attrs[key] = np.bytes_(value) if isinstance(value, str) else value
    return x, y
