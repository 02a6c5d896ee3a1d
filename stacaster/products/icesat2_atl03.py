"""ICESat-2 ATL03: geolocated photons. Values of 20 m segments are repeated for their photons."""

from __future__ import annotations

from stacaster.instruments.icesat2 import columns, make_product
from stacaster.model import TrackTable

PHOTONS = TrackTable(
    name="photons",
    description="One row a photon",
    rows="heights/h_ph",
    longitude="heights/lon_ph",
    latitude="heights/lat_ph",
    time="heights/delta_time",
    columns=(
        *columns(
            "heights",
            "h_ph = height: Height above the ellipsoid [m]",
            "signal_conf_ph = confidence: Of land, ocean, sea ice, land ice, inland water: -2 to 4",
            "quality_ph = quality: 0 nominal, 1 after-pulse, 2 impulse response, 3 transmitter echo",
            "weight_ph = yapc <u1>: Weight by the density of photons around, 0 to 255 (releases up to 006)",
            "weight_ph = yapc_weight <u2>: Weight by the density of photons around, 0 to 65535 (from release 007 on)",
            "dist_ph_across = y_atc: Distance from the reference ground track [m]",
        ),
        *columns(
            "geolocation",
            "segment_id: Number of the 20 m segment",
            "solar_elevation: Elevation of the sun [deg]",
            "podppd_flag: Pointing and orbit, 0 nominal, odd numbers degraded",
        ),
        *columns(
            "geophys_corr", "geoid: Geoid above the ellipsoid [m]", "dem_h = dem: Height of the reference DEM [m]"
        ),
    ),
    segment_count="geolocation/segment_ph_cnt",
    segment_first="geolocation/ph_index_beg",
    segment_groups=("geolocation", "geophys_corr"),
)
"""The table."""

PRODUCT = make_product(
    "ATL03",
    (PHOTONS,),
    title="geolocated photons",
    description=(
        "One GeoParquet file per granule with the photons of all beams, ordered by beam and along the track. x_atc is "
        "the distance from the equator along the track. Classes of ATL08 are there when its granule lies beside."
    ),
    keywords=("photons", "heights"),
    has=("heights", "geolocation"),
)
