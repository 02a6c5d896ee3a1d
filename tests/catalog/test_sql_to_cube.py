"""From SQL rows to items and cubes, joins with vector files, and the forms in which rows are printed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import shapely

import stacaster
from stacaster.catalog import Catalog
from stacaster.errors import NothingFoundError, UsageError

NIGHT = "aster:day_night = 'night'"


@pytest.fixture
def geology(tmp_path: Path) -> Path:
    """Two units in a projected CRS: one under some scenes, one nowhere near."""
    shapes = [shapely.box(138.45, -31.05, 138.55, -30.95), shapely.box(10, 10, 11, 11)]
    frame = geopandas.GeoDataFrame({"unit": ["quartzite", "far away"]}, geometry=shapes, crs=4326)
    path = tmp_path / "geology.gpkg"
    frame.to_crs(3857).to_file(path)
    return path


def test_rows_become_the_same_items_without_json(catalog: Catalog) -> None:
    rows = catalog.sql("select id, collection from items where cloud_cover < 10 order by sun_elevation")
    made = rows.items()
    assert [item.id for item in made] == rows.table["id"].to_pylist()
    for item in made:
        path = next(catalog.root.glob(f"*/*/{item.id}/{item.id}.json"))
        document = json.loads(path.read_text())
        mine = item.to_dict(transform_hrefs=False)
        assert mine["properties"] == document["properties"] and mine["geometry"] == document["geometry"]
        assert set(mine["assets"]) == set(document["assets"]), "absent bands are no assets"
        for key, asset in mine["assets"].items():
            assert Path(asset["href"]).is_file()
            assert asset | {"href": ""} == document["assets"][key] | {"href": ""}


@pytest.mark.parametrize("units", ["dn", "radiance"])
def test_the_same_cube_on_both_roads(catalog: Catalog, units: str) -> None:
    rows = catalog.sql("select id from items where year = 2003")
    options: dict = {"bands": ["B02", "B13"], "crs": "EPSG:32754", "resolution": 90, "units": units}
    mine, other = rows.load(**options), catalog.load(datetime="2003", **options)
    for band in ("B02", "B13"):
        np.testing.assert_array_equal(mine[band], other[band])
    assert mine.sizes["time"] == 2


def test_join_with_a_vector_file(catalog: Catalog, geology: Path) -> None:
    text = "select id, g.unit, items.geometry from items, g where st_intersects(items.geometry, g.geometry)"
    rows = catalog.sql(text, tables={"g": geology})
    box = shapely.box(138.45, -31.05, 138.55, -30.95)
    wanted = {item.id for item in catalog.search().items() if shapely.geometry.shape(item.geometry).intersects(box)}
    assert set(rows.table["id"].to_pylist()) == wanted and wanted
    assert set(rows.table["unit"].to_pylist()) == {"quartzite"}
    frame = rows.to_geodataframe()
    assert frame.crs.to_epsg() == 4326 and frame.intersects(box).all()
    pairs = pd.DataFrame({"wanted": [next(iter(wanted))]})
    assert len(catalog.sql("select id from items join t on id = wanted", tables={"t": pairs})) == 1


def test_join_of_a_shape_that_touches_boxes_only(catalog: Catalog) -> None:
    """Two shapes whose boxes overlap need not touch."""
    item = next(catalog.search(limit=1).items())
    west, south, east, north = item.bbox or []
    footprint = shapely.geometry.shape(item.geometry)
    corner = shapely.box(west, south, east, north).difference(footprint.buffer(1e-6))
    frame = geopandas.GeoDataFrame({"n": [1]}, geometry=[corner], crs=4326)
    text = "select id from items, g where st_intersects(items.geometry, g.geometry)"
    assert item.id not in catalog.sql(text, tables={"g": frame}).table["id"].to_pylist()


def test_what_stands_for_no_items(catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no column id"):
        catalog.sql("select cloud_cover from items").items()
    with pytest.raises(UsageError, match="has no item 'x'"):
        catalog.sql("select 'x' as id").load(bands=["B01"])
    with pytest.raises(NothingFoundError, match="nothing to load"):
        catalog.sql("select id from items where false").load(bands=["B01"])
    with pytest.raises(UsageError, match="no such file"):
        catalog.sql("select 1", tables={"g": tmp_path / "missing.gpkg"})
    (tmp_path / "bad.gpkg").write_text("x")
    with pytest.raises(UsageError, match="cannot be read"):
        catalog.sql("select 1", tables={"g": tmp_path / "bad.gpkg"})
    nowhere = geopandas.GeoDataFrame({"n": [1]}, geometry=[shapely.Point(0, 0)])
    with pytest.raises(UsageError, match="in which CRS"):
        catalog.sql("select 1", tables={"g": nowhere})


def test_in_a_shell(catalog: Catalog, geology: Path, tmp_path: Path, repository: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "stacaster", *words, "--catalog", str(catalog.root)]
        env = {**os.environ, "PYTHONPATH": str(repository)}
        return subprocess.run(line, capture_output=True, text=True, check=False, env=env)

    query = "select id, cloud_cover from items order by id"
    csv = run("sql", query, "--csv")
    frame = catalog.sql(query).to_dataframe()
    assert csv.stdout == frame.to_csv(index=False)
    output = tmp_path / "rows.parquet"
    assert run("sql", query, "--parquet", str(output)).returncode == 0
    assert pq.read_table(output).to_pylist() == catalog.sql(query).table.to_pylist()
    assert run("sql", query, "--parquet", str(output)).returncode == 2, "it exists"
    assert run("sql", query, "--csv", "--json").returncode == 2
    joined = run("sql", "--table", f"g={geology}", "--json",
                 "select distinct g.unit from items, g where st_intersects(items.geometry, g.geometry)")  # fmt: skip
    assert json.loads(joined.stdout) == [{"unit": "quartzite"}]
    listed = run("items", "--filter", NIGHT, "--json")
    assert len(json.loads(listed.stdout)["features"]) == 1
    assert run("items", "--filter", "eo:cloud_cover <").returncode == 2
    ordered = run("items", "--sortby", "-eo:cloud_cover", "--intersects", str(geology), "--limit", "2")
    assert ordered.returncode == 0 and len(ordered.stdout.splitlines()) == 3
    assert stacaster.open_catalog(catalog.root).sql("select 1")._repr_html_()
