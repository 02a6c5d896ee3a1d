"""ICESat-2 ATL08: heights of land and vegetation, segments of 100 m and their cells of 20 m."""

from __future__ import annotations

from stacaster.instruments.icesat2 import columns, make_product
from stacaster.model import TrackTable

SEGMENTS = TrackTable(
    name="segments",
    description="One row a segment of 100 m",
    rows="land_segments/latitude",
    longitude="land_segments/longitude",
    latitude="land_segments/latitude",
    time="land_segments/delta_time",
    columns=columns(
        "land_segments",
        "terrain/h_te_best_fit: Terrain at the middle of the segment [m]",
        "terrain/h_te_uncertainty: Its error [m]",
        "terrain/h_te_median: Median terrain [m]",
        "terrain/terrain_slope: Slope along the track",
        "terrain/n_te_photons: Ground photons",
        "canopy/h_canopy: 98 % height of the canopy above ground [m]",
        "canopy/h_canopy_uncertainty: Its error [m]",
        "canopy/h_mean_canopy: Mean height above ground [m]",
        "canopy/canopy_h_metrics: Heights of 10, 15 ... 95 % [m]",
        "canopy/canopy_openness: Scatter of the canopy's heights [m]",
        "canopy/n_ca_photons: Canopy photons",
        "canopy/n_toc_photons: Top of canopy photons",
        "canopy/segment_cover: Canopy cover [%]",
        "segment_id_beg: First segment of 20 m",
        "segment_landcover: Land cover, Copernicus",
        "segment_watermask: Water",
        "night_flag: 1 by night",
        "msw_flag: Multiple scattering",
        "cloud_flag_atm: Cloud",
        "n_seg_ph: Photons",
        "dem_h = dem: Height of the reference DEM [m]",
    ),
)
"""The table of segments."""

CELLS = TrackTable(
    name="cells",
    description="One row a cell of 20 m",
    rows="land_segments/latitude_20m",
    longitude="land_segments/longitude_20m",
    latitude="land_segments/latitude_20m",
    time="land_segments/delta_time",
    columns=columns(
        "land_segments",
        "terrain/h_te_best_fit_20m: Terrain [m]",
        "canopy/h_canopy_20m: 98 % height of the canopy above ground [m]",
        "terrain/subset_te_flag: Ground photons of the cell",
        "canopy/subset_can_flag: Canopy photons of the cell",
        "segment_id_beg: First segment of 20 m of the 100 m",
    ),
    cells=5,
)
"""The table of cells; times are those of the segments."""

PRODUCT = make_product(
    "ATL08",
    (SEGMENTS, CELLS),
    title="land and vegetation height",
    description="Two GeoParquet files per granule: segments of 100 m and their cells of 20 m, along the track.",
    keywords=("vegetation", "canopy", "terrain"),
    has=("land_segments", "signal_photons"),
)
