"""ICESat-2 ATL06: heights of land ice, segments of 40 m every 20 m."""

from __future__ import annotations

from stacaster.instruments.icesat2 import columns, make_product
from stacaster.model import TrackTable

SEGMENTS = TrackTable(
    name="segments",
    description="One row a segment of 40 m",
    rows="land_ice_segments/h_li",
    longitude="land_ice_segments/longitude",
    latitude="land_ice_segments/latitude",
    time="land_ice_segments/delta_time",
    columns=columns(
        "land_ice_segments",
        "h_li: Height above the ellipsoid [m]",
        "h_li_sigma: Its error by the fit [m]",
        "atl06_quality_summary = quality: 0 is good",
        "segment_id: Number of the segment",
        "sigma_geo_h: Error of the height by geolocation [m]",
        "fit_statistics/dh_fit_dx: Slope along the track",
        "fit_statistics/n_fit_photons: Photons of the fit",
        "fit_statistics/h_robust_sprd: Robust spread [m]",
        "fit_statistics/w_surface_window_final: Height of the window [m]",
        "fit_statistics/snr: Signal to noise",
        "geophysical/cloud_flg_asr: Cloud flag by apparent reflectance",
        "geophysical/bsnow_conf: Confidence of blowing snow",
        "ground_track/x_atc: Distance from the equator along the track [m]",
        "ground_track/y_atc: Distance from the reference ground track [m]",
        "dem/dem_h = dem: Height of the reference DEM [m]",
        "dem/geoid_h = geoid: Geoid above the ellipsoid [m]",
    ),
)
"""The table."""

PRODUCT = make_product(
    "ATL06",
    (SEGMENTS,),
    title="land ice height",
    description="One GeoParquet file per granule with the segments of all beams, ordered by beam and along the track.",
    keywords=("land ice", "heights"),
    has=("land_ice_segments",),
)
