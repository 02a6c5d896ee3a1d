"""STAC-first catalog builder and datacube loader for Earth-observation granules.

``ingest`` turns granule files into Cloud Optimized GeoTIFFs and a static STAC catalog, ``open_catalog`` searches it,
and ``load`` makes cubes of its items. What fewer people need lies in rooms: ``stacaster.tiles``, ``stacaster.sar``,
``stacaster.icesat2``, ``stacaster.backscatter``, ``stacaster.masks``, ``stacaster.indices`` and so on.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from stacaster.cube.xarray_hook import watch as _watch

if TYPE_CHECKING:
    from stacaster import access as access
    from stacaster import catalog as catalog
    from stacaster import cube as cube
    from stacaster import executors as executors
    from stacaster import formats as formats
    from stacaster import model as model
    from stacaster import network as network
    from stacaster import products as products
    from stacaster import runs as runs
    from stacaster import sar as sar
    from stacaster import server as server
    from stacaster import tiles as tiles
    from stacaster.access.fetch import fetch
    from stacaster.access.search import search
    from stacaster.analysis import backscatter as backscatter
    from stacaster.analysis import emissivity as emissivity
    from stacaster.analysis import indices as indices
    from stacaster.analysis import lidar as icesat2  # noqa: F401
    from stacaster.analysis import masks as masks
    from stacaster.analysis import timeseries as timeseries
    from stacaster.analysis.composites import composite
    from stacaster.analysis.indices import compute_index, compute_indices
    from stacaster.analysis.pictures import write_picture
    from stacaster.analysis.timeseries import time_series
    from stacaster.catalog import Catalog, import_items, open_catalog
    from stacaster.catalog.publish import publish
    from stacaster.config import __version__
    from stacaster.cube import load
    from stacaster.cube.points import sample
    from stacaster.errors import StacasterError
    from stacaster.export import export, export_composite, export_index, export_timeseries, write_cube
    from stacaster.export.points import write_point_grid, write_points
    from stacaster.geotiff.driver import driver  # noqa: F401
    from stacaster.ingest import ingest, update
    from stacaster.ingest.acquire import ingest_search
    from stacaster.ingest.convert.read_granule import read_area
    from stacaster.ingest.register import register
    from stacaster.products import testing as testing
    from stacaster.runs import global_run, run
    from stacaster.samples import sample_data

__all__ = [
    "Catalog",
    "StacasterError",
    "__version__",
    "composite",
    "compute_index",
    "compute_indices",
    "export",
    "export_composite",
    "export_index",
    "export_timeseries",
    "fetch",
    "global_run",
    "import_items",
    "ingest",
    "ingest_search",
    "load",
    "open_catalog",
    "publish",
    "read_area",
    "register",
    "run",
    "sample",
    "sample_data",
    "search",
    "time_series",
    "update",
    "write_cube",
    "write_picture",
    "write_point_grid",
    "write_points",
]

_HOMES = {
    "Catalog": "catalog",
    "StacasterError": "errors",
    "__version__": "config",
    "composite": "analysis.composites",
    "compute_index": "analysis.indices",
    "compute_indices": "analysis.indices",
    "driver": "geotiff.driver",
    "export": "export",
    "export_composite": "export",
    "export_index": "export",
    "export_timeseries": "export",
    "fetch": "access.fetch",
    "global_run": "runs",
    "import_items": "catalog",
    "ingest": "ingest",
    "ingest_search": "ingest.acquire",
    "load": "cube",
    "open_catalog": "catalog",
    "publish": "catalog.publish",
    "read_area": "ingest.convert.read_granule",
    "register": "ingest.register",
    "run": "runs",
    "sample": "cube.points",
    "sample_data": "samples",
    "search": "access.search",
    "time_series": "analysis.timeseries",
    "update": "ingest",
    "write_cube": "export",
    "write_picture": "analysis.pictures",
    "write_point_grid": "export.points",
    "write_points": "export.points",
}
"""Module of each public name; ``driver`` is the name that odc-stac looks up in ``driver="stacaster.driver"``."""

_ROOMS = {
    "access": "access",
    "backscatter": "analysis.backscatter",
    "catalog": "catalog",
    "cube": "cube",
    "emissivity": "analysis.emissivity",
    "executors": "executors",
    "formats": "formats",
    "icesat2": "analysis.lidar",
    "indices": "analysis.indices",
    "masks": "analysis.masks",
    "model": "model",
    "network": "network",
    "products": "products",
    "runs": "runs",
    "server": "server",
    "sar": "sar",
    "testing": "products.testing",
    "tiles": "tiles",
    "timeseries": "analysis.timeseries",
}
"""Module of each room that is an attribute of the package."""


class _Package(ModuleType):
    """``stacaster.ingest`` and ``stacaster.export`` are functions, even once modules of these names are imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
_watch()

if not TYPE_CHECKING:  # a type checker would take any name for a public one

    def __getattr__(name: str) -> Any:
        """Import a public name when it is first used: raster and cube packages take most of a second to import."""
        import importlib

        if name in _ROOMS:
            return importlib.import_module(f"stacaster.{_ROOMS[name]}")
        if name not in _HOMES:
            raise AttributeError(f"module 'stacaster' has no attribute {name!r}")
        value = getattr(importlib.import_module(f"stacaster.{_HOMES[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted([*__all__, *_ROOMS])
