"""What a band of an item is: one answer for loads, plans, composites, series, tiles, points, exports and masks."""

from stacaster.cube.band_model.fields import BAND_NUMBER, BandFields, Kind, bands_of, is_data, is_raster, kind_of
from stacaster.cube.band_model.item_assets import with_item_assets
from stacaster.cube.band_model.names import BandTable, assets_of, band_names, collection_config
from stacaster.cube.band_model.place import differing_grid, geobox_of
from stacaster.cube.band_model.prepare import Prepared, href_of, prepare, prepare_items, table_of
from stacaster.cube.band_model.settle import HAS_MASK, KIND, NO_CRS, fits

__all__ = [
    "BAND_NUMBER",
    "HAS_MASK",
    "KIND",
    "NO_CRS",
    "BandFields",
    "BandTable",
    "Kind",
    "Prepared",
    "assets_of",
    "band_names",
    "bands_of",
    "collection_config",
    "differing_grid",
    "fits",
    "geobox_of",
    "href_of",
    "is_data",
    "is_raster",
    "kind_of",
    "prepare",
    "prepare_items",
    "table_of",
    "with_item_assets",
]
