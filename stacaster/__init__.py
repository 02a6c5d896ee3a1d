"""STAC-first catalog builder and datacube loader for Earth-observation granules.

``ingest`` turns granule files into Cloud Optimized GeoTIFFs and a static STAC catalog, ``open_catalog`` searches it,
and ``load`` makes cubes of its items.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from stacaster.version import __version__

if TYPE_CHECKING:
    from stacaster.access.fetch import CachedGranule, FetchReport, fetch, list_cache, prune_cache
    from stacaster.access.footprints import draw_footprints
    from stacaster.access.login import Finding, check_login
    from stacaster.access.search import GranuleSearch, iter_granules, search, search_tiles
    from stacaster.access.search.baselines import StackBaselines, plot_baselines, write_pairs
    from stacaster.analysis.backscatter import decibels, mean_decibels, ratio
    from stacaster.analysis.composites import composite
    from stacaster.analysis.emissivity import compare, separate_temperature
    from stacaster.analysis.indices import compute_index, compute_indices
    from stacaster.analysis.lidar import (
        fit_surface,
        grid_points,
        photon_density,
        plot_map,
        plot_profile,
        read_tracks,
        surface_blanket,
        vegetation_metrics,
    )
    from stacaster.analysis.pictures import write_picture
    from stacaster.analysis.timeseries import (
        anomalies,
        linear_trend,
        plot_series,
        resample_series,
        time_series,
        write_series,
    )
    from stacaster.catalog import (
        Catalog,
        Difference,
        ItemSearch,
        Problem,
        SqlResult,
        Superseded,
        check_catalog,
        dedupe,
        diff_catalogs,
        fix_catalog,
        import_items,
        open_catalog,
    )
    from stacaster.catalog.publish import PublishReport, publish
    from stacaster.catalog.report_page import write_report
    from stacaster.catalog.serve import CatalogServer
    from stacaster.cube import load
    from stacaster.cube.grids import GridCheck, check_grid, load_tree
    from stacaster.cube.heights import compare_heights
    from stacaster.cube.planning import LoadPlan, plan
    from stacaster.cube.points import sample
    from stacaster.cube.report import LoadReport
    from stacaster.errors import StacasterError
    from stacaster.executors.cluster import Cluster
    from stacaster.export import export, export_composite, export_index, export_timeseries, write_cube
    from stacaster.export.points import write_point_grid, write_points
    from stacaster.formats.variables import Variable, list_variables
    from stacaster.geotiff.driver import driver
    from stacaster.ingest import ingest, update
    from stacaster.ingest.acquire import ingest_search
    from stacaster.ingest.convert.read_granule import read_area
    from stacaster.ingest.register import register
    from stacaster.model import Granule, Outcome, Product, Report
    from stacaster.network.remote import RemoteFile, open_remote
    from stacaster.network.transport.url_signer import sign
    from stacaster.products import all_products
    from stacaster.runs import RunResult, global_run, run
    from stacaster.samples import sample_data
    from stacaster.sar import (
        Dem,
        OrbitOutcome,
        StackConfig,
        StackFiles,
        StackResult,
        download_stacks,
        fetch_orbits,
        find_stacks,
        make_dem,
        orbit_vectors,
        stack,
    )
    from stacaster.tiles import (
        Recipe,
        TilePlan,
        cancel_tiles,
        collect_tiles,
        draw_tiles,
        plan_tiles,
        read_recipe,
        reproduce_tiles,
        retry_tiles,
        run_tiles,
        submit_tiles,
        tiles_status,
        wait_tiles,
    )

__all__ = [
    "CachedGranule",
    "Catalog",
    "CatalogServer",
    "Cluster",
    "Dem",
    "Difference",
    "FetchReport",
    "Finding",
    "Granule",
    "GranuleSearch",
    "GridCheck",
    "ItemSearch",
    "LoadPlan",
    "LoadReport",
    "OrbitOutcome",
    "Outcome",
    "Problem",
    "Product",
    "PublishReport",
    "Recipe",
    "RemoteFile",
    "Report",
    "RunResult",
    "SqlResult",
    "StacasterError",
    "StackBaselines",
    "StackConfig",
    "StackFiles",
    "StackResult",
    "Superseded",
    "TilePlan",
    "Variable",
    "__version__",
    "all_products",
    "anomalies",
    "cancel_tiles",
    "check_catalog",
    "check_grid",
    "check_login",
    "collect_tiles",
    "compare",
    "compare_heights",
    "composite",
    "compute_index",
    "compute_indices",
    "decibels",
    "dedupe",
    "diff_catalogs",
    "download_stacks",
    "draw_footprints",
    "draw_tiles",
    "driver",
    "export",
    "export_composite",
    "export_index",
    "export_timeseries",
    "fetch",
    "fetch_orbits",
    "find_stacks",
    "fit_surface",
    "fix_catalog",
    "global_run",
    "grid_points",
    "import_items",
    "ingest",
    "ingest_search",
    "iter_granules",
    "linear_trend",
    "list_cache",
    "list_variables",
    "load",
    "load_tree",
    "make_dem",
    "mean_decibels",
    "open_catalog",
    "open_remote",
    "orbit_vectors",
    "photon_density",
    "plan",
    "plan_tiles",
    "plot_baselines",
    "plot_map",
    "plot_profile",
    "plot_series",
    "prune_cache",
    "publish",
    "ratio",
    "read_area",
    "read_recipe",
    "read_tracks",
    "register",
    "reproduce_tiles",
    "resample_series",
    "retry_tiles",
    "run",
    "run_tiles",
    "sample",
    "sample_data",
    "search",
    "search_tiles",
    "separate_temperature",
    "sign",
    "stack",
    "submit_tiles",
    "surface_blanket",
    "tiles_status",
    "time_series",
    "update",
    "vegetation_metrics",
    "wait_tiles",
    "write_cube",
    "write_pairs",
    "write_picture",
    "write_point_grid",
    "write_points",
    "write_report",
    "write_series",
]

_HOME = {
    "fit_surface": "analysis.lidar",
    "grid_points": "analysis.lidar",
    "photon_density": "analysis.lidar",
    "plot_map": "analysis.lidar",
    "plot_profile": "analysis.lidar",
    "read_tracks": "analysis.lidar",
    "surface_blanket": "analysis.lidar",
    "vegetation_metrics": "analysis.lidar",
    "write_point_grid": "export.points",
    "write_points": "export.points",
    "Variable": "formats.variables",
    "list_variables": "formats.variables",
    "decibels": "analysis.backscatter",
    "mean_decibels": "analysis.backscatter",
    "ratio": "analysis.backscatter",
    "read_area": "ingest.convert.window",
    "Catalog": "catalog",
    "Difference": "catalog",
    "Superseded": "catalog",
    "dedupe": "catalog",
    "diff_catalogs": "catalog",
    "import_items": "catalog",
    "update": "ingest",
    "ItemSearch": "catalog",
    "Problem": "catalog",
    "check_catalog": "catalog",
    "fix_catalog": "catalog",
    "SqlResult": "catalog",
    "open_catalog": "catalog",
    "load": "cube",
    "driver": "geotiff.driver",
    "GridCheck": "cube.grids",
    "LoadPlan": "cube.planning",
    "check_grid": "cube.grids",
    "load_tree": "cube.grids",
    "plan": "cube.planning",
    "sample": "cube.points",
    "LoadReport": "cube.report",
    "StacasterError": "errors",
    "export": "export",
    "export_composite": "export",
    "export_index": "export",
    "export_timeseries": "export",
    "write_cube": "export",
    "CachedGranule": "access.fetch",
    "FetchReport": "access.fetch",
    "Finding": "access.login",
    "check_login": "access.login",
    "list_cache": "access.fetch",
    "prune_cache": "access.fetch",
    "fetch": "access.fetch",
    "Dem": "sar",
    "OrbitOutcome": "sar",
    "StackConfig": "sar",
    "StackFiles": "sar",
    "StackResult": "sar",
    "download_stacks": "sar",
    "fetch_orbits": "sar",
    "find_stacks": "sar",
    "make_dem": "sar",
    "orbit_vectors": "sar",
    "stack": "sar",
    "StackBaselines": "access.search.geometry",
    "plot_baselines": "access.search.geometry",
    "write_pairs": "access.search.geometry",
    "draw_footprints": "access.footprints",
    "composite": "analysis.composites",
    "compute_index": "analysis.indices",
    "compute_indices": "analysis.indices",
    "ingest": "ingest",
    "ingest_search": "ingest.acquire",
    "Granule": "model",
    "Outcome": "model",
    "Product": "model",
    "Report": "model",
    "all_products": "products",
    "write_picture": "analysis.pictures",
    "write_report": "catalog.report_page",
    "PublishReport": "catalog.publish",
    "publish": "catalog.publish",
    "CatalogServer": "catalog.serve",
    "register": "ingest.register",
    "RemoteFile": "network.remote",
    "open_remote": "network.remote",
    "sample_data": "samples",
    "GranuleSearch": "access.search",
    "iter_granules": "access.search",
    "search": "access.search",
    "search_tiles": "access.search",
    "sign": "network.transport.signed",
    "Cluster": "executors.cluster",
    "compare": "analysis.emissivity",
    "compare_heights": "cube.heights",
    "separate_temperature": "analysis.emissivity",
    "RunResult": "runs",
    "global_run": "runs",
    "run": "runs",
    "wait_tiles": "tiles",
    "Recipe": "tiles",
    "TilePlan": "tiles",
    "cancel_tiles": "tiles",
    "collect_tiles": "tiles",
    "plan_tiles": "tiles",
    "read_recipe": "tiles",
    "retry_tiles": "tiles",
    "run_tiles": "tiles",
    "draw_tiles": "tiles",
    "reproduce_tiles": "tiles",
    "submit_tiles": "tiles",
    "tiles_status": "tiles",
    "anomalies": "analysis.timeseries",
    "linear_trend": "analysis.timeseries",
    "plot_series": "analysis.timeseries",
    "resample_series": "analysis.timeseries",
    "time_series": "analysis.timeseries",
    "write_series": "analysis.timeseries",
}


class _Package(ModuleType):
    """``stacaster.ingest`` and ``stacaster.export`` are functions, even once modules of these names are imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: raster and cube packages take most of a second to import."""
    if name not in _HOME:
        raise AttributeError(f"module 'stacaster' has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(f"stacaster.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
