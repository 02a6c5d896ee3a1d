"""GEDI L4A: above-ground biomass of footprints of 25 m. Names follow the data dictionary."""

from __future__ import annotations

from stacaster.instruments.gedi import make_product
from stacaster.instruments.icesat2 import columns
from stacaster.model import TrackTable

FOOTPRINTS = TrackTable(
    name="biomass",
    description="One row a laser shot",
    rows="agbd",
    longitude="lon_lowestmode",
    latitude="lat_lowestmode",
    time="delta_time",
    columns=columns(
        "",
        "shot_number: Number of the shot",
        "agbd: Above-ground biomass density [Mg/ha]",
        "agbd_se: Its standard error [Mg/ha]",
        "agbd_pi_lower: Lower end of the prediction interval [Mg/ha]",
        "agbd_pi_upper: Upper end of the prediction interval [Mg/ha]",
        "l4_quality_flag = quality: 1 is usable",
        "l2_quality_flag: 1 is usable for heights",
        "degrade_flag: Pointing and position, 0 nominal",
        "sensitivity: Largest canopy cover through which the ground is seen",
        "predictor_limit_flag: Predictors within the bounds of the training data",
        "response_limit_flag: Biomass within the bounds of the training data",
        "elev_lowestmode: Height of the ground above the ellipsoid [m]",
    ),
)
"""The table."""

PRODUCT = make_product(
    "GEDI04_A", FOOTPRINTS, title="L4A above-ground biomass density", level="L4",
    description="One GeoParquet file per granule with the shots of all beams. quality is 1 where a shot is usable.",
    has=("agbd", "agbd_se"), host="ORNL DAAC",
)  # fmt: skip
