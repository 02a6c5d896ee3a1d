"""GEDI L2A: heights of ground and canopy of footprints of 25 m. Names follow the data dictionary."""

from __future__ import annotations

from stacaster.instruments.gedi import make_product
from stacaster.instruments.icesat2 import columns
from stacaster.model import TrackTable

FOOTPRINTS = TrackTable(
    name="footprints",
    description="One row a laser shot",
    rows="elev_lowestmode",
    longitude="lon_lowestmode",
    latitude="lat_lowestmode",
    time="delta_time",
    columns=columns(
        "",
        "shot_number: Number of the shot",
        "elev_lowestmode: Height of the ground above the ellipsoid [m]",
        "elev_highestreturn: Height of the highest return above the ellipsoid [m]",
        "rh: Heights above ground of 0, 1 ... 100 % of the energy [m]",
        "quality_flag = quality: 1 is usable",
        "degrade_flag: Pointing and position, 0 nominal",
        "sensitivity: Largest canopy cover through which the ground is seen",
        "surface_flag: 1 within 300 m of the reference DEM",
        "num_detectedmodes: Modes of the waveform",
        "selected_algorithm: Algorithm of the heights",
        "solar_elevation: Elevation of the sun [deg]",
        "digital_elevation_model = dem: Height of the reference DEM [m]",
    ),
)
"""The table."""

PRODUCT = make_product(
    "GEDI02_A", FOOTPRINTS, title="L2A elevation and height metrics", level="L2",
    description="One GeoParquet file per granule with the shots of all beams. quality is 1 where a shot is usable.",
    has=("elev_lowestmode", "rh"), host="LP DAAC",
)  # fmt: skip
