"""Every public function refuses what it cannot take; times and areas in every form mean the same everywhere."""

from __future__ import annotations

import datetime as dt
import importlib
import inspect
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

import stacaster
from stacaster.catalog import Catalog
from stacaster.errors import StacasterError, UsageError
from stacaster.model.checked import checked, read_argument

# ruff: noqa: E501 - tables of one case after the other
ROOMS = (
    "tiles", "sar", "analysis.lidar", "analysis.backscatter", "analysis.emissivity", "analysis.timeseries", "cube",
    "catalog", "access",
)  # fmt: skip
INNER = frozenset({"commit_items", "settle"})
"""Functions between rooms."""


def public_functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    for name in stacaster.__all__:
        if inspect.isfunction(value := getattr(stacaster, name)):
            yield name, value
    for room in ROOMS:
        module = importlib.import_module(f"stacaster.{room}")
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            if inspect.isfunction(value) and name not in INNER:
                yield f"{room}.{name}", value


FUNCTIONS = dict(public_functions())


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # Nothing here may ask a service.
    for variable in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_option_that_is_none(name: str) -> None:
    function = FUNCTIONS[name]
    needed = [entry for entry in inspect.signature(function).parameters.values() if entry.default is entry.empty]
    given = [object() for entry in needed if entry.kind is entry.POSITIONAL_OR_KEYWORD]
    with pytest.raises(UsageError) as caught:
        result = function(*given, no_such_option=1)
        list(result if inspect.isgenerator(result) else ())
    assert len(str(caught.value)) > 15


_NOTHING_NEEDED = frozenset({
    "search", "load", "ingest_search", "access.check_login", "access.find_collections", "access.iter_granules",
    "access.list_cache", "access.prune_cache", "access.search_tiles", "analysis.backscatter.decibels",
    "analysis.backscatter.power", "analysis.backscatter.mean_decibels", "analysis.backscatter.ratio", "sar.find_stacks",
    "sar.stack", "tiles.read_recipe", "fetch",
})  # fmt: skip
"""Functions whose first argument may be None or a plain number, or that would ask a service."""


@pytest.mark.parametrize("value", [None, 5, object(), b"x"], ids=["None", "number", "object", "bytes"])
@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - _NOTHING_NEEDED))
def test_arguments_of_no_use(name: str, value: Any) -> None:
    function = FUNCTIONS[name]
    needed = {
        entry.name: value for entry in inspect.signature(function).parameters.values()
        if entry.default is entry.empty and entry.kind in (entry.POSITIONAL_OR_KEYWORD, entry.KEYWORD_ONLY)
    }  # fmt: skip
    if not needed:
        pytest.skip("it needs no argument")
    with pytest.raises(StacasterError) as caught:
        function(**needed)
    assert len(str(caught.value)) > 15


def test_what_annotations_say() -> None:
    @checked
    def example(folder: str, *, dry_run: bool = False, workers: int | None = None, share: float = 0.5) -> Any:
        return folder, dry_run, workers, share

    plain: Any = example
    assert plain("x", dry_run=np.True_, workers="3", share="0.25") == ("x", True, 3, 0.25)
    wrongs: list[dict[str, Any]] = [
        {"dry_run": "no"}, {"workers": 0}, {"workers": True}, {"share": "x"}, {"folders": "x"}, {"share": []},
    ]  # fmt: skip
    for wrong in wrongs:
        with pytest.raises(UsageError, match=next(iter(wrong))):
            plain("x", **wrong)
    with pytest.raises(UsageError, match="missing a required argument: 'folder'"):
        plain()
    assert inspect.signature(example).parameters["workers"].default is None
    assert read_argument("progress", None, ("Progress", "None")) is None


ADELAIDE = dt.timezone(dt.timedelta(hours=9, minutes=30))
TIMES: dict[str, tuple[Any, int | None]] = {
    "year": ("2003", 2), "range": ("2003-05/2004", 3), "none": (None, 8), "blanks": (" 2003 ", 2), "open": ("2003/", 7),
    "open start": ("../2003", 3), "int": (2003, 2), "NumPy int": (np.int64(2003), 2), "compact": ("20030830", 1),
    "pair": (("2003-01", "2003-12"), 2), "list of one": (["2003"], 2), "slice": (slice("2003-05", "2004"), 3),
    "open slice": (slice(None, "2002"), 1), "date": (dt.date(2003, 8, 30), 1),
    "dates": ((dt.date(2003, 1, 1), dt.date(2003, 12, 31)), 2), "timestamp": (pd.Timestamp("2003-08-30"), 1),
    # 00:43:02 UTC is the 30th in Adelaide, too: the day begins there at 14:30 of the 29th.
    "timestamp with zone": (pd.Timestamp("2003-08-30", tz="Australia/Adelaide"), 1),
    "datetime with zone": (dt.datetime(2003, 8, 30, tzinfo=ADELAIDE), 1),
    # Midnight in UTC, but not where the time is from: one moment, not a day.
    "moment with zone": (dt.datetime(2003, 8, 30, 9, 30, tzinfo=ADELAIDE), 0),
    "day of NumPy": (np.datetime64("2003-08-30"), 1), "month of NumPy": (np.datetime64("2003-08"), 1),
    "year of NumPy": (np.datetime64("2003"), 2), "period": (pd.Period("2003-08", "M"), 1),
    "interval": (pd.Interval(pd.Timestamp("2003"), pd.Timestamp("2004")), 2),
    "index of pandas": (pd.DatetimeIndex(["2003-01-01", "2004-01-01"]), 2),
    "array": (np.array(["2003-01-01", "2004-01-01"], "datetime64[D]"), 2), "moment": ("2003-08-30T00:43:02.520Z", 1),
    "float": (2003.5, None), "flag": (True, None), "NaT": (pd.NaT, None), "NaT of NumPy": (np.datetime64("NaT"), None),
    "empty": ("", None), "three": (("2001", "2002", "2003"), None), "set": ({"2003"}, None),
    "table": ({"start": "2003"}, None), "reverse": ("2004/2003", None), "month 13": ("2003-13", None),
    "30 February": ("2003-02-30", None), "words": ("summer 2003", None), "American": ("08/30/2003", None),
    "bytes": (b"2003", None), "now": ("now", None), "span": (dt.timedelta(3), None), "negative": (-5, None),
    "step": (slice("2003", "2004", 2), None),
}  # fmt: skip


@pytest.mark.parametrize("name", TIMES)
def test_times(name: str, catalog: Catalog) -> None:
    value, count = TIMES[name]
    calls: list[Callable[[], int]] = [
        lambda: len(catalog.search(datetime=value)),
        lambda: len(stacaster.search("AST_L1T", source=catalog, datetime=value)),
        lambda: len(catalog.sql("select 1").table) if value is None else len(catalog.search(datetime=value).keys()),
    ]
    for call in calls[: 2 if value is None else 3]:
        if count is None:
            with pytest.raises(UsageError, match="datetime"):
                call()
        else:
            assert call() == count


BOX = (138.5, -31.02, 138.55, -30.98)
SHAPE = shapely.box(*BOX)
PAIRS = [(138.5, -31.02), (138.55, -31.02), (138.55, -30.98)]
FEATURES = {
    "type": "FeatureCollection",
    "features": [
        {"type": "Feature", "properties": {"name": name}, "geometry": shapely.geometry.mapping(shape)}
        for name, shape in (
            ("a", shapely.box(138.5, -31.02, 138.52, -31)),
            ("b", shapely.box(138.53, -31, 138.55, -30.98)),
        )
    ],
}
AREAS: dict[str, tuple[Any, bool]] = {
    "series": (gpd.GeoSeries([SHAPE], crs=4326), True),
    "frame in UTM": (gpd.GeoDataFrame(geometry=[SHAPE], crs=4326).to_crs(32754), True),
    "collection": (FEATURES, True), "feature": (FEATURES["features"][0], True), "text": (json.dumps(FEATURES), True),
    "geometries": ({"type": "GeometryCollection", "geometries": [shapely.geometry.mapping(SHAPE)]}, True),
    "WKT": (SHAPE.wkt, True), "EWKT": (f"SRID=4326;{SHAPE.wkt}", True), "shapely": (SHAPE, True),
    "several": ([SHAPE, SHAPE], True), "pairs": (PAIRS, True), "array": (np.array(PAIRS), True),
    "tables": ([{"lon": x, "lat": y} for x, y in PAIRS], True), "box as text": ("138.5,-31.02,138.55,-30.98", True),
    "file": ("a.geojson", True), "GeoPackage": (Path("a.gpkg"), True), "with heights": (shapely.force_3d(SHAPE, 5), True),
    "no file": ("nofile.gpkg", False), "number": (5, False), "empty": (shapely.Polygon(), False),
    "NaN": (shapely.Point(float("nan"), 0), False), "kind": ({"type": "Foo"}, False), "word": ("foo", False),
    "no features": ({"type": "FeatureCollection", "features": []}, False), "nothing": ({}, False),
    "metres": (shapely.box(260_000, 6_560_000, 270_000, 6_570_000), False), "bytes": (SHAPE.wkb, False),
}  # fmt: skip
BOXES: dict[str, tuple[Any, bool]] = {
    "text": ("138.5,-31.02,138.55,-30.98", True), "blanks": ("138.5 -31.02 138.55 -30.98", True),
    "brackets": ("[138.5, -31.02, 138.55, -30.98]", True), "array": (np.array(BOX), True), "list": (list(BOX), True),
    "texts": ([str(value) for value in BOX], True), "six": ([138.5, -31.02, 0, 138.55, -30.98, 10], True),
    "table": (dict(zip(("west", "south", "east", "north"), BOX, strict=True)), True), "bounds": (SHAPE.bounds, True),
    "five": ([1, 2, 3, 4, 5], False), "upside down": ((138.5, -30.98, 138.55, -31.02), False), "number": (5, False),
    "beyond the pole": ((0, -100, 10, 10), False), "NaN": ((float("nan"), 0, 1, 1), False), "word": ("foo", False),
    "empty": ([], False), "beyond 180": ((170, -40, 190, 40), False),
}  # fmt: skip


@pytest.mark.parametrize(
    ("option", "name"), [*(("intersects", name) for name in AREAS), *(("bbox", name) for name in BOXES)]
)
def test_areas(option: str, name: str, catalog: Catalog, tmp_path: Path) -> None:
    value, is_right = (AREAS if option == "intersects" else BOXES)[name]
    (tmp_path / "a.geojson").write_text(json.dumps(FEATURES))
    gpd.GeoDataFrame(geometry=[SHAPE], crs=4326).to_crs(32754).to_file(tmp_path / "a.gpkg")
    calls: list[Callable[[], Any]] = [
        lambda: len(catalog.search(**{option: value})),
        lambda: len(stacaster.search("AST_L1T", source=catalog, **{option: value})),
        lambda: catalog.load(bands="B10", crs=32754, resolution=900, datetime="2003", **{option: value}).sizes["time"],
    ]
    for call, count in zip(calls, (6, 6, 2), strict=True):
        if is_right:
            assert call() == count
        else:
            with pytest.raises(UsageError):
                call()


def test_a_box_across_180_degrees(catalog: Catalog) -> None:
    assert len(catalog.search(bbox=(170, -40, -170, 40))) == 0
    assert len(catalog.search(bbox=(130, -40, -170, 40))) == 8


WRONG: dict[str, dict[str, Any]] = {
    "CRS": {"crs": "EPSG:327544"}, "vertical CRS": {"crs": "EPSG:5773"}, "geocentric CRS": {"crs": "EPSG:4978"},
    "word for a CRS": {"crs": "foo"}, "metres in degrees": {"crs": 4326, "resolution": 30},
    "degrees in metres": {"resolution": 0.001}, "negative": {"resolution": -300}, "three sizes": {"resolution": [1, 2, 3]},
    "resampling": {"resampling": "bilnear"}, "resampling of nobody": {"resampling": {"nope": "average"}},
    "property": {"groupby": "foo"}, "units": {"units": "reflectence"}, "mask": {"mask": "clouds"}, "mask 5": {"mask": 5},
    "dimension": {"chunks": {"z": 5}}, "type": {"dtype": "floot"}, "objects": {"dtype": object}, "text": {"nodata": "x"},
    "bands": {"bands": "nirr"}, "no bands": {"bands": []}, "bands 5": {"bands": 5}, "like": {"like": 5},
    "like and CRS": {"like": "cube"}, "grid": {"geobox": 5}, "native and CRS": {"native": True}, "yes": {"native": "yes"},
    "share": {"min_valid": 5}, "share x": {"min_valid": "x"}, "pool": {"pool": 0}, "pool x": {"pool": "x"},
    "driver": {"driver": "foo"}, "no": {"fail_on_error": "no"}, "progress": {"progress": 5}, "fuser": {"fuse_func": 5},
    "fuser of no module": {"fuse_func": "no.module"}, "patch": {"patch_url": 5}, "stac_cfg": {"stac_cfg": 5},
    "source": {"source": "yes"}, "only lon": {"lon": (138.5, 138.55)}, "x and y": {"x": 5, "y": 6},
    "misspelt": {"bandz": "nir"}, "large": {"allow_large": "x"}, "anchor": {"anchor": "foo"},
    "constants": {"units": "reflectance", "esun": "smithh"},
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_options_of_load(name: str, catalog: Catalog) -> None:
    given: dict[str, Any] = {"bands": "nir", "crs": 32754, "resolution": 300, "datetime": "2003"} | WRONG[name]
    if given.get("like") == "cube":
        given["like"] = catalog.load(bands="B10", crs=32754, resolution=900, datetime="2003")
    with pytest.raises(UsageError) as caught:
        catalog.load(**given)
    assert len(str(caught.value)) > 15


def test_native_pixels_of_two_zones_say_what_to_give(catalog: Catalog) -> None:
    with pytest.raises(StacasterError, match=r"EPSG:32753 \(1\).*such as crs='EPSG:32754', resolution=15"):
        catalog.load(bands="nir", native=True)


@pytest.mark.parametrize(
    ("product", "conditions", "words"),
    [
        ("ASTL1T", {}, "nearest are AST_L1T"),
        ("AST_L1T", {"collections": "landsat"}, "collection 'landsat' is not in the catalog"),
        ("AST_L1T", {"collections": 5}, "collections=5"),
        ("AST_L1T", {"all_versions": "no"}, "all_versions is 'no', but True or False"),
        ("AST_L1T", {"source": 5}, "source is 5"),
    ],
)
def test_searches_that_would_find_nothing(product: str, conditions: Any, words: str, catalog: Catalog) -> None:
    with pytest.raises(UsageError, match=words):
        stacaster.search(product, **{"source": catalog, **conditions})
    assert len(stacaster.search("AST_L1T", source=catalog, collections="ASTER-L1T-003")) == 8
