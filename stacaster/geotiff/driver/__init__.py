"""Pixels of GeoTIFFs at the speed of the codec: the reader driver for odc-loader."""

from stacaster.geotiff.driver.reader import Driver

driver = Driver
"""The name under which odc-stac finds it: ``odc.stac.load(items, driver="stacaster.driver")``."""

__all__ = ["Driver", "driver"]
