"""A hundred and more calls that people would try, over all public functions: they work, or say what to do."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr

import stacaster as package
from stacaster.catalog import Catalog
from stacaster.errors import StacasterError, UsageError

stacaster: Any = package
"""Wrong calls are the point here, so that no type checker looks at them."""

PLACE = [(138.53, -31.0)]


@dataclass(frozen=True)
class World:
    """What the calls are made with."""

    catalog: Any
    cube: Any
    item: Any
    granules: Path

    @property
    def root(self) -> Any:
        """Folder of the catalog."""
        return self.catalog.root

    @property
    def where(self) -> dict[str, Any]:
        """Catalog of an export."""
        return {"catalog": self.root, "overwrite": True}


@pytest.fixture(scope="module")
def world(catalog: Catalog, granules: Path) -> World:
    cube = catalog.load(bands="nir,red", crs=32754, resolution=180, units="reflectance", datetime=2003)
    return World(catalog, cube, next(catalog.search().items()), granules)


CALLS: dict[str, Callable[[World], Any]] = {
    "open none": lambda w: stacaster.open_catalog(None),
    "open 5": lambda w: stacaster.open_catalog(5),
    "points nothing": lambda w: w.catalog.points("photons"),
    "points 5": lambda w: w.catalog.points(5),
    "sql 5": lambda w: w.catalog.sql(5),
    "sql bad": lambda w: w.catalog.sql("selec"),
    "sql tables": lambda w: w.catalog.sql("select 1", tables=5),
    "collection 5": lambda w: w.catalog.collection(5),
    "geobox": lambda w: w.catalog.geobox("138.5,-31.02,138.55,-30.98", datetime=2003),
    "geobox bad": lambda w: w.catalog.geobox(5),
    "remove none": lambda w: w.catalog.remove(),
    "remove bad": lambda w: w.catalog.remove(ids=5),
    "archive": lambda w: w.catalog.archive(5),
    "plan": lambda w: w.catalog.search(datetime=2003).plan(bands="nir"),
    "plan bad": lambda w: w.catalog.search().plan(bands="foo"),
    "search.stacks": lambda w: w.catalog.search().stacks("foo"),
    "to_table": lambda w: w.catalog.search(fields="id,datetime").to_table(),
    "to_table bad": lambda w: w.catalog.search(fields="nope").to_table(),
    "write search bad": lambda w: w.catalog.search().write("x.foo"),
    "write search 5": lambda w: w.catalog.search().write(5),
    "sample pairs": lambda w: w.catalog.sample(PLACE, bands="nir"),
    "sample dicts": lambda w: w.catalog.sample([{"lon": 138.53, "lat": -31}], bands="nir"),
    "sample shapely": lambda w: w.catalog.sample([shapely.Point(138.53, -31)], bands="nir"),
    "sample point": lambda w: w.catalog.sample(shapely.Point(138.53, -31), bands="nir"),
    "sample text": lambda w: w.catalog.sample("138.53,-31.0", bands="nir"),
    "sample tuple": lambda w: w.catalog.sample((138.53, -31.0), bands="nir"),
    "sample geojson": lambda w: w.catalog.sample({"type": "Point", "coordinates": [138.53, -31]}, bands="nir"),
    "sample df": lambda w: w.catalog.sample(pd.DataFrame({"lon": [138.53], "lat": [-31.0]}), bands="nir"),
    "sample none": lambda w: w.catalog.sample(None),
    "sample triple": lambda w: w.catalog.sample([(1, 2, 3)]),
    "sample far": lambda w: w.catalog.sample([(0, 0)]),
    "sample polygon": lambda w: w.catalog.sample(shapely.box(1, 2, 3, 4)),
    "sample method": lambda w: w.catalog.sample(PLACE, method="lanczos"),
    "sample radius": lambda w: w.catalog.sample(PLACE, bands="nir", radius="500"),
    "sample radius bad": lambda w: w.catalog.sample(PLACE, bands="nir", radius="big"),
    "sample stats": lambda w: w.catalog.sample(PLACE, bands="nir", radius=100, statistics="meen"),
    "sample time": lambda w: w.catalog.sample(PLACE, time="day"),
    "sample nofile": lambda w: w.catalog.sample("nofile.gpkg"),
    "sample cube": lambda w: stacaster.sample(w.cube, PLACE),
    "sample cube units": lambda w: stacaster.sample(w.cube, PLACE, units="radiance"),
    "sample cube bands": lambda w: stacaster.sample(w.cube, PLACE, bands="B99"),
    "sample geojson str": lambda w: w.catalog.sample('{"type":"Point","coordinates":[138.53,-31]}', bands="nir"),
    "index upper": lambda w: stacaster.compute_index(w.cube, "NDVI"),
    "index list": lambda w: stacaster.compute_index(w.cube, ["ndvi"]),
    "index 5": lambda w: stacaster.compute_index(w.cube, 5),
    "index formula": lambda w: stacaster.compute_index(w.cube, "(nir-red)/(nir+red)"),
    "index unknown": lambda w: stacaster.compute_index(w.cube, "ndwy"),
    "indices str": lambda w: stacaster.compute_indices(w.cube, "ndvi"),
    "indices none": lambda w: stacaster.compute_indices(w.cube, None),
    "index missing band": lambda w: stacaster.compute_index(w.cube, "ga_aloh_content"),
    "comp upper": lambda w: stacaster.composite(w.cube, "Median"),
    "comp unk": lambda w: stacaster.composite(w.cube, "medien"),
    "comp p": lambda w: stacaster.composite(w.cube, "p200"),
    "comp period": lambda w: stacaster.composite(w.cube, period="week"),
    "comp period 5": lambda w: stacaster.composite(w.cube, period=5),
    "comp green": lambda w: stacaster.composite(w.cube, "bare_earth", greenness="x"),
    "comp notime": lambda w: stacaster.composite(w.cube.isel(time=0)),
    "comp empty": lambda w: stacaster.composite(xr.Dataset()),
    "ts": lambda w: stacaster.time_series(w.cube),
    "ts area box": lambda w: stacaster.time_series(w.cube, "138.5,-31.02,138.55,-30.98"),
    "ts area wkt": lambda w: stacaster.time_series(w.cube, shapely.box(138.5, -31.02, 138.55, -30.98).wkt),
    "ts area shapely list": lambda w: stacaster.time_series(w.cube, [shapely.box(138.5, -31.02, 138.52, -31)]),
    "ts pairs": lambda w: stacaster.time_series(w.cube, [(138.5, -31.02), (138.55, -31.02), (138.55, -30.98)]),
    "ts region": lambda w: stacaster.time_series(w.cube, "south_australia"),
    "ts bad": lambda w: stacaster.time_series(w.cube, 5),
    "ts point": lambda w: stacaster.time_series(w.cube, shapely.Point(1, 2)),
    "ts col": lambda w: stacaster.time_series(w.cube, shapely.box(138.5, -31.02, 138.55, -30.98), name_column="x"),
    "ts nocrs": lambda w: stacaster.time_series(
        xr.Dataset({"a": (("time", "y", "x"), np.zeros((2, 2, 2)))}), shapely.box(0, 0, 1, 1)
    ),
    "ts featstr": lambda w: stacaster.time_series(
        w.cube,
        json.dumps(
            {
                "type": "FeatureCollection",
                "features": [
                    {
                        "type": "Feature",
                        "properties": {"name": "q"},
                        "geometry": shapely.geometry.mapping(shapely.box(138.5, -31.02, 138.55, -30.98)),
                    }
                ],
            }
        ),
    ),
    "wc nc": lambda w: stacaster.write_cube(w.cube, "w/x.nc", overwrite=True),
    "wc bad": lambda w: stacaster.write_cube(w.cube, "x.foo"),
    "wc none": lambda w: stacaster.write_cube(w.cube, None),
    "wc empty": lambda w: stacaster.write_cube(w.cube, ""),
    "wc 2d": lambda w: stacaster.write_cube(w.cube.isel(time=0), "x2.tif", overwrite=True),
    "wc nocrs": lambda w: stacaster.write_cube(xr.Dataset({"a": (("y", "x"), np.zeros((2, 2)))}), "x3.tif"),
    "wc emptyds": lambda w: stacaster.write_cube(xr.Dataset(), "x4.nc", overwrite=True),
    "wc upper": lambda w: stacaster.write_cube(w.cube, "X.NC", overwrite=True),
    "wc tiff": lambda w: stacaster.write_cube(w.cube.isel(time=0), "x.tiff", overwrite=True),
    "wp": lambda w: stacaster.write_picture(w.cube, "p.png"),
    "wp jpg": lambda w: stacaster.write_picture(w.cube, "p.jpg"),
    "wp comp": lambda w: stacaster.write_picture(w.cube, "p.png", composite="nope"),
    "wp comp2": lambda w: stacaster.write_picture(w.cube, "p.png", composite=["nir", "red"]),
    "wp percent": lambda w: stacaster.write_picture(w.cube, "p.png", percent=(98, 2)),
    "wp percent5": lambda w: stacaster.write_picture(w.cube, "p.png", percent=5),
    "wp none": lambda w: stacaster.write_picture(w.cube, None),
    "wp empty": lambda w: stacaster.write_picture(xr.Dataset(), "p.png"),
    "wp 1d": lambda w: stacaster.write_picture(xr.Dataset({"a": ("x", [1.0])}), "p.png"),
    "export bad": lambda w: stacaster.export("e.nc", bands="nirr", **w.where),
    "export none": lambda w: stacaster.export(None, **w.where),
    "export kw": lambda w: stacaster.export("e.nc", band="nir", **w.where),
    "export time": lambda w: stacaster.export("e.nc", bands="nir", datetime=dt.date(2003, 8, 30), **w.where),
    "export cat": lambda w: stacaster.export("e.nc", bands="nir", datetime=2003, catalog=w.catalog, overwrite=True),
    "export collection": lambda w: stacaster.export(
        "e.nc", bands="nir", datetime=2003, collection="aster-l1t-003", **w.where
    ),
    "exi bad": lambda w: stacaster.export_index("nope", "e.nc", **w.where),
    "exi none": lambda w: stacaster.export_index(None, "e.nc", **w.where),
    "exi empty": lambda w: stacaster.export_index([], "e.nc", **w.where),
    "exi units": lambda w: stacaster.export_index("ndvi", "e.nc", units="radiance", **w.where),
    "exc bad": lambda w: stacaster.export_composite("nope", "e.nc", **w.where),
    "exc period": lambda w: stacaster.export_composite("median", "e.nc", bands="B10", period="decade", **w.where),
    "exts txt": lambda w: stacaster.export_timeseries("e.txt", **w.where),
    "exts anom": lambda w: stacaster.export_timeseries(
        "e.csv", bands="B10", resolution=900, anomaly="decade", **w.where
    ),
    "exts areas": lambda w: stacaster.export_timeseries("e.csv", bands="B10", areas="nofile.gpkg", **w.where),
    "search none": lambda w: stacaster.search(source=w.root),
    "search 5": lambda w: stacaster.search(5, source=w.root),
    "search src": lambda w: stacaster.search("AST_L1T", source="nowhere"),
    "search dir": lambda w: stacaster.search("AST_L1T", source=w.root, direction="A"),
    "search dirbad": lambda w: stacaster.search("AST_L1T", source=w.root, direction="up"),
    "search ver": lambda w: stacaster.search("AST_L1T", source=w.root, version="3"),
    "search ver int": lambda w: stacaster.search("AST_L1T", source=w.root, version=3),
    "search limit": lambda w: stacaster.search("AST_L1T", source=w.root, limit="x"),
    "search months": lambda w: stacaster.search("AST_L1T", source=w.root, months=8),
    "search names": lambda w: stacaster.search("AST_L1T", source=w.root, name=[w.item.id + ".hdf"]),
    "search max": lambda w: stacaster.search("AST_L1T", source=w.root, max_items=2),
    "search cond": lambda w: stacaster.search("AST_L1T", source=w.root, cloud=2),
    "search gb": lambda w: stacaster.search("AST_L1T", source=w.root, group_by="foo"),
    "search latest": lambda w: stacaster.search("AST_L1T", source=w.root, latest="x"),
    "search mincov": lambda w: stacaster.search("AST_L1T", source=w.root, min_coverage=5),
    "search attr": lambda w: stacaster.search("AST_L1T", source=w.root, attributes="x"),
    "search pointradius": lambda w: stacaster.search("AST_L1T", source=w.root, point=(138.53, -31), radius=100),
    "fetch str": lambda w: stacaster.fetch("AST_L1T"),
    "fetch none": lambda w: stacaster.fetch(None),
    "fetch list": lambda w: stacaster.fetch(["x"]),
    "fetch workers": lambda w: stacaster.fetch([], workers="x"),
    "fetch 0": lambda w: stacaster.fetch([], workers=0),
    "ingest none": lambda w: stacaster.ingest(None, catalog="cc"),
    "ingest 5": lambda w: stacaster.ingest(5, catalog="cc"),
    "ingest empty": lambda w: stacaster.ingest([], catalog="cc"),
    "ingest workers": lambda w: stacaster.ingest(w.granules, catalog="cc", workers="x"),
    "ingest w0": lambda w: stacaster.ingest(w.granules, catalog="cc", workers=0),
    "ingest sub": lambda w: stacaster.ingest(w.granules, catalog="cc", subsystem="foo"),
    "ingest prof": lambda w: stacaster.ingest(w.granules, catalog="cc", profile="lzw"),
    "ingest kw": lambda w: stacaster.ingest(w.granules, catalog="cc", foo=1),
    "import": lambda w: stacaster.import_items(5, catalog="cc"),
    "import nofile": lambda w: stacaster.import_items("nofile.json", catalog="cc"),
    "sample_data": lambda w: stacaster.sample_data("sd", product="foo"),
    "sample_data none": lambda w: stacaster.sample_data(None),
    "read_area": lambda w: stacaster.read_area("nofile.h5", "HHHH"),
    "read_area 5": lambda w: stacaster.read_area(5, "x"),
    "run out": lambda w: stacaster.run("AST_L1T", "x.foo"),
    "run kw": lambda w: stacaster.run("AST_L1T", "x.nc", foo=1),
    "run comp": lambda w: stacaster.run("AST_L1T", "x.nc", composite="foo"),
    "run idx": lambda w: stacaster.run("AST_L1T", "x.nc", index="foo"),
    "run crs": lambda w: stacaster.run("AST_L1T", "x.nc", crs=99999),
    "run dt": lambda w: stacaster.run("AST_L1T", "x.nc", datetime="foo"),
    "grun exec": lambda w: stacaster.global_run("AST_L1T", "x", executor="foo"),
    "grun res": lambda w: stacaster.global_run("AST_L1T", "x", resolution="foo"),
    "grun comp": lambda w: stacaster.global_run("AST_L1T", "x", composite="foo"),
    "grun mem": lambda w: stacaster.global_run("AST_L1T", "x", memory_mb="x"),
    "tiles plan res": lambda w: stacaster.tiles.plan_tiles(
        stacaster.tiles.read_recipe(resolution="30", index="ndvi", grid="EPSG:32754", tile_size="90000"), catalog=w.root
    ),
    "recipe grid": lambda w: stacaster.tiles.plan_tiles(stacaster.tiles.read_recipe(grid="EPSG:99999"), catalog=w.root),
    "recipe resamp": lambda w: stacaster.tiles.read_recipe(resampling="foo"),
    "recipe dt": lambda w: stacaster.tiles.read_recipe(datetime="foo"),
    "recipe group": lambda w: stacaster.tiles.read_recipe(groupby="solarday"),
    "recipe res deg": lambda w: stacaster.tiles.read_recipe(grid="degree", resolution=30),
    "recipe mask": lambda w: stacaster.tiles.read_recipe(mask="clouds"),
    "recipe date": lambda w: stacaster.tiles.read_recipe({"datetime": dt.date(2003, 1, 1)}),
    "recipe 5": lambda w: stacaster.tiles.read_recipe(5),
    "recipe period": lambda w: stacaster.tiles.read_recipe(period="week", composite="median"),
    "run_tiles": lambda w: stacaster.tiles.run_tiles("nowhere"),
    "plan recipe dict": lambda w: stacaster.tiles.plan_tiles({"index": "ndvi"}, catalog=w.root),
    "wpoints": lambda w: stacaster.write_points("photons", "x.parquet", catalog=w.root),
    "publish": lambda w: stacaster.publish("published", catalog=w.catalog),
    "publish 5": lambda w: stacaster.publish(5, catalog=w.root),
    "publish nowhere": lambda w: stacaster.publish("published", catalog="nowhere"),
    "publish bucket": lambda w: stacaster.publish("s3://", catalog=w.root),
    "register text": lambda w: stacaster.register("x", catalog="cc"),
    "register empty": lambda w: stacaster.register([], catalog="cc"),
    "register subsystem": lambda w: stacaster.register([], catalog="cc", subsystem="foo"),
    "update nowhere": lambda w: stacaster.update(w.granules, catalog="nowhere"),
    "update dry": lambda w: stacaster.update(w.granules, catalog=w.root, dry_run=True),
    "update workers": lambda w: stacaster.update(w.granules, catalog=w.root, workers="many"),
    "point grid": lambda w: stacaster.write_point_grid(
        "photons", "g.tif", value="h", catalog=w.root, crs=32754, resolution=30
    ),
    "point grid value": lambda w: stacaster.write_point_grid("photons", "g.tif", catalog=w.root),
    "point grid ending": lambda w: stacaster.write_point_grid(
        "photons", "g.foo", value="h", catalog=w.root, crs=32754, resolution=30
    ),
    "report": lambda w: stacaster.catalog.write_report("r.html", catalog=w.catalog),
    "report ending": lambda w: stacaster.catalog.write_report("r.pdf", catalog=w.root),
    "diff": lambda w: stacaster.catalog.diff_catalogs(w.catalog, w.root),
    "dedupe": lambda w: stacaster.catalog.dedupe(w.catalog, dry_run=True),
    "check": lambda w: stacaster.catalog.check_catalog(w.catalog),
    "footprints": lambda w: stacaster.access.draw_footprints(
        stacaster.search("AST_L1T", source=w.catalog), "f.html", area="138.5,-31.02,138.55,-30.98"
    ),
    "footprints 5": lambda w: stacaster.access.draw_footprints(5, "f.html"),
    "submit": lambda w: stacaster.tiles.submit_tiles("nowhere", submit=False),
    "collect": lambda w: stacaster.tiles.collect_tiles("nowhere"),
    "fs none": lambda w: stacaster.sar.find_stacks(5),
    "fs kw": lambda w: stacaster.sar.find_stacks(foo=1),
    "fs dt": lambda w: stacaster.sar.find_stacks(dataset="ALOS", start="foo"),
}

WORKS = frozenset(
    {
        "geobox",
        "plan",
        "search.stacks",
        "to_table",
        "sample pairs",
        "sample dicts",
        "sample shapely",
        "sample point",
        "sample text",
        "sample tuple",
        "sample geojson",
        "sample df",
        "sample radius",
        "sample cube",
        "sample geojson str",
        "index upper",
        "index formula",
        "indices str",
        "comp upper",
        "ts",
        "ts area box",
        "ts area wkt",
        "ts area shapely list",
        "ts pairs",
        "ts region",
        "ts featstr",
        "wc nc",
        "wc 2d",
        "wc upper",
        "wc tiff",
        "wp",
        "export time",
        "export cat",
        "export collection",
        "search none",
        "search dir",
        "search ver",
        "search ver int",
        "search months",
        "search names",
        "search max",
        "search pointradius",
        "tiles plan res",
        "recipe group",
        "recipe date",
        "plan recipe dict",
        "publish",
        "register empty",
        "update dry",
        "report",
        "diff",
        "dedupe",
        "check",
        "footprints",
    }
)
"""Calls with the obvious meaning."""

NOT_USAGE = frozenset(
    {
        "sample far",
        "index missing band",
        "comp notime",
        "comp empty",
        "ts nocrs",
        "wc nocrs",
        "wp empty",
        "wp 1d",
        "ingest empty",
        "import nofile",
        "read_area",
        "run_tiles",
        "publish nowhere",
        "update nowhere",
        "submit",
        "collect",
    }
)
"""Calls that are no wrong usage but find nothing, or a cube that lacks something."""


@pytest.mark.filterwarnings("ignore::stacaster.errors.StacasterWarning")
@pytest.mark.parametrize("name", CALLS)
def test_a_call_works_or_says_what_to_do(
    name: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # Nothing here may ask a service.
    for variable in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    if name in WORKS:
        CALLS[name](world)
        return
    with pytest.raises(StacasterError) as caught:
        CALLS[name](world)
    assert len(str(caught.value)) > 15
    if name not in NOT_USAGE:
        assert isinstance(caught.value, UsageError), caught.value


def test_the_table_is_long() -> None:
    assert len(CALLS) > 140
    assert set(CALLS) >= WORKS | NOT_USAGE
