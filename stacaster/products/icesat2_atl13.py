"""ICESat-2 ATL13: heights of inland water. Names follow readers of other projects; no real file was at hand."""

from __future__ import annotations

from stacaster.instruments.icesat2 import columns, make_product
from stacaster.model import TrackTable

SEGMENTS = TrackTable(
    name="segments",
    description="One row a short segment of water",
    rows="ht_water_surf",
    longitude="segment_lon",
    latitude="segment_lat",
    time="delta_time",
    columns=columns(
        "",
        "ht_water_surf: Height of the water above the ellipsoid [m]",
        "ht_ortho: Height of the water above the geoid [m]",
        "stdev_water_surf: Scatter of the height [m]",
        "water_depth: Depth [m]",
        "segment_quality: Quality",
        "segment_id_beg: First segment of 20 m",
        "inland_water_body_id: Number of the water body",
        "inland_water_body_type: Kind of the water body",
    ),
)
"""The table."""

PRODUCT = make_product(
    "ATL13",
    (SEGMENTS,),
    title="inland water height",
    description="One GeoParquet file per granule with the segments of all beams, ordered by beam and along the track.",
    keywords=("inland water", "lakes", "rivers"),
    has=("ht_water_surf", "segment_lat"),
    notes=("Not tested with a real file",),
)
