"""ICESat-2 ATL24: photons of the sea floor and the sea surface. Names follow readers of other projects."""

from __future__ import annotations

from stacaster.instruments.icesat2 import columns, make_product
from stacaster.model import TrackTable

PHOTONS = TrackTable(
    name="bathymetry",
    description="One row a photon",
    rows="class_ph",
    longitude="lon_ph",
    latitude="lat_ph",
    time="delta_time",
    columns=columns(
        "",
        "class_ph = class: 0 unclassified, 40 sea floor, 41 sea surface",
        "confidence: Of the class, 0 to 1",
        "ortho_h: Height above the geoid, refraction corrected [m]",
        "ellipse_h = height: Height above the ellipsoid, refraction corrected [m]",
        "surface_h: Height of the sea surface above the geoid [m]",
        "sigma_thu: Horizontal uncertainty [m]",
        "sigma_tvu: Vertical uncertainty [m]",
        "x_atc: Distance from the equator along the track [m]",
        "y_atc: Distance from the reference ground track [m]",
        "low_confidence_flag: 1 where the confidence is low",
        "invalid_kd: 1 where the water is of unknown clarity",
        "sensor_depth_exceeded: 1 deeper than the sensor sees",
        "night_flag: 1 by night",
        "index_ph: Photon in ATL03, from 0",
        "index_seg: Segment in ATL03, from 0",
    ),
)
"""The table."""

PRODUCT = make_product(
    "ATL24",
    (PHOTONS,),
    title="coastal bathymetry",
    description="One GeoParquet file per granule with the classified photons of all beams.",
    keywords=("bathymetry", "coast", "photons"),
    has=("class_ph", "ortho_h"),
    notes=("Not tested with a real file",),
)
