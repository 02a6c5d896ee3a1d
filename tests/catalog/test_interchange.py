"""The catalog as other programs open it, unchanged."""

from __future__ import annotations

import warnings
from pathlib import Path

import geopandas
import numpy as np
import pystac_client
import pytest
import rasterio
import stac_geoparquet.arrow

from stacaster.catalog import Catalog
from stacaster.catalog.item_table import parse_items, table_to_items
from tests.catalog.made_items import made_item

MIRROR = "aster-l1t-003/items.parquet"


def test_pystac_client_reads_the_static_catalog(catalog: Catalog) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        client = pystac_client.Client.open(str(catalog.root / "catalog.json"))
        assert {item.id for item in client.get_items(recursive=True)} == {i.id for i in catalog.search().items()}


def test_stac_geoparquet_reads_the_mirror(catalog: Catalog) -> None:
    import pyarrow.parquet as pq

    items = list(stac_geoparquet.arrow.stac_table_to_items(pq.read_table(catalog.root / MIRROR)))
    assert len(items) == 8
    frame = geopandas.read_parquet(catalog.root / MIRROR)
    shapes = catalog.search().to_geodataframe().set_index("id").geometry
    assert frame.crs == "OGC:CRS84" or frame.crs.to_epsg() == 4326
    assert all(row.geometry.equals(shapes[row.id]) for row in frame.itertuples())
    boxed = geopandas.read_parquet(catalog.root / MIRROR, bbox=tuple(shapes.iloc[0].bounds))
    assert 0 < len(boxed) <= 8, "the covering is understood"


def test_rustac_reads_mirror_and_catalog(catalog: Catalog) -> None:
    rustac = pytest.importorskip("rustac")
    found = rustac.read_sync(str(catalog.root / MIRROR))
    assert {item["id"] for item in found["features"]} == {item.id for item in catalog.search().items()}
    assert rustac.read_sync(str(catalog.root / "catalog.json"))["type"] == "Catalog"


def test_gdal_reads_an_item_collection_as_one_raster(catalog: Catalog, tmp_path: Path) -> None:
    with rasterio.Env() as env:
        if "STACIT" not in env.drivers() or tuple(map(int, rasterio.__gdal_version__.split(".")[:2])) < (3, 10):
            pytest.skip("this GDAL has no STACIT driver that knows proj:code")
    item = next(iter(catalog.search(datetime="2003").items()))
    catalog.search(ids=[item.id]).write(tmp_path / "items.json")
    with (
        rasterio.open(f'STACIT:"{tmp_path / "items.json"}":asset=B10') as one,
        rasterio.open(item.assets["B10"].href) as own,
    ):
        assert (one.crs, one.shape) == (own.crs, own.shape)
        np.testing.assert_allclose(one.transform, own.transform, atol=1e-6)
        np.testing.assert_array_equal(one.read(1), own.read(1))


def test_our_rows_are_those_of_stac_geoparquet() -> None:
    """Items become rows here without the library, which is slower; it must come to the same."""
    items = [made_item(number) for number in range(5)]
    times = {"start_datetime": "2003-01-01T00:00:00.5Z", "end_datetime": "2003-01-02T00:00:00Z"}
    items[1]["properties"] |= {"proj:geometry": items[1]["geometry"], "datetime": None, "nothing": None, **times}
    items[2]["assets"]["B01"]["proj:geometry"] = items[2]["geometry"]
    del items[3]["assets"]["B02"]
    ours = parse_items(items)
    theirs = stac_geoparquet.arrow.parse_stac_items_to_arrow(
        [{**item, "properties": {"datetime": None, **item["properties"]}} for item in items]
    ).read_all()
    names = sorted(set(theirs.column_names) - {"assets", "links", "nothing"})
    assert sorted(set(ours.column_names) - {"assets", "links"}) == names
    for name in names:
        assert ours[name].to_pylist() == theirs[name].to_pylist(), name
        if name != "type":
            assert ours[name].type == theirs[name].type or "string" in str(ours[name].type), name
    back = {item["id"]: item for item in table_to_items(ours)}
    assert back[items[3]["id"]] == items[3]
