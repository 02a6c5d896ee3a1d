"""Files of a catalog in the hands of programs that know nothing of stacaster: odc-stac, pystac, GeoParquet readers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import odc.stac
import pyarrow.parquet as pq
import pystac
import pytest
import rasterio
import shapely

import stacaster
from stacaster.catalog import Catalog, stac

# Names that version 1.1 of the eo extension allows in eo:bands (its schema, "common_name").
EO_1_1 = {"coastal", "blue", "green", "red", "rededge", "yellow", "pan", "nir", "nir08", "nir09", "cirrus", "swir16",
          "swir22", "lwir", "lwir11", "lwir12"}  # fmt: skip


def item_files(root: Path) -> list[Path]:
    return sorted(path for path in root.glob("*/*/*/*.json") if ".stacaster" not in path.parts)


def test_plain_odc_stac_knows_bands_by_their_common_names(catalog: Catalog) -> None:
    """No ``stac_cfg``, no code of stacaster: items from disk by pystac."""
    path = next(path for path in item_files(catalog.root) if (path.parent / "B03N.tif").exists())
    item = pystac.Item.from_file(str(path))
    loaded = odc.stac.load([item], bands=["nir", "red", "lwir"], crs=item.assets["B03N"].extra_fields["proj:code"],
                           resolution=15, anchor="floating")  # fmt: skip
    with rasterio.open(path.parent / "B03N.tif") as file:
        stored = file.read(1)
    assert set(loaded.data_vars) == {"nir", "red", "lwir"} and loaded.nir.attrs["nodata"] == 0
    values, counts = np.unique(loaded.nir.values, return_counts=True)
    expected, expected_counts = np.unique(stored, return_counts=True)
    assert dict(zip(values[1:], counts[1:], strict=True)) == dict(zip(expected[1:], expected_counts[1:], strict=True))


def problems_with_eo(document: dict[str, Any]) -> list[str]:
    """Return what breaks version 1.1 of eo: any other ``eo:`` field of an asset than bands, a name it does not know."""
    wrong = []
    for key, asset in document["assets"].items():
        wrong += [f"{key}: {name}" for name in asset if name.startswith("eo:") and name != "eo:bands"]
        for band in asset.get("eo:bands", ()):
            wrong += [f"{key}: {band['common_name']}"] if band.get("common_name", "red") not in EO_1_1 else []
            wrong += [f"{key}: {name}" for name in band if ":" in name]
    return wrong


def test_names_stand_in_the_forms_of_both_versions_of_eo(catalog: Catalog) -> None:
    for path in item_files(catalog.root):
        document = json.loads(path.read_bytes())
        assert "https://stac-extensions.github.io/eo/v1.1.0/schema.json" in document["stac_extensions"]
        assert not any("eo/v2" in uri for uri in document["stac_extensions"]), "it forbids eo:bands"
        assert problems_with_eo(document) == []
        asset = document["assets"].get("B03N")
        if asset is None:  # at night
            continue
        (old,), (new,) = asset["eo:bands"], asset["bands"]
        assert (old["name"], old["common_name"], new["eo:common_name"]) == ("B03N", "nir", "nir")
        assert old["solar_illumination"] == new["eo:solar_illumination"] > 0


def test_a_name_that_the_old_version_does_not_know_becomes_the_broader_one() -> None:
    from stacaster.products import all_products

    for product in all_products().values():
        for band in product.bands:
            if stac.eo_fields(band):
                asset = {"eo:bands": [stac._eo_band(band)]}
                assert problems_with_eo({"assets": {band.name: asset}}) == [], product.collection_id
    names = {
        band.common_name: stac._eo_band(band).get("common_name") for p in all_products().values() for band in p.bands
    }
    assert names["rededge071"] == "rededge" and names["nir"] == "nir"


def test_the_time_of_the_last_change_is_that_of_the_source(catalog: Catalog) -> None:
    for path in item_files(catalog.root):
        properties = json.loads(path.read_bytes())["properties"]
        assert properties["updated"] == properties["created"]


@pytest.mark.parametrize("product", ["ICESAT2", "SENTINEL-1_SLC"])
def test_footprints_of_tracks_and_swaths_go_counterclockwise(product: str, tmp_path: Path) -> None:
    stacaster.sample_data(tmp_path / "granules", product=product)
    report = stacaster.ingest([tmp_path / "granules"], catalog=tmp_path / "catalog")
    assert not report.failed
    files = item_files(tmp_path / "catalog")
    assert files
    for path in files:
        shape = shapely.geometry.shape(json.loads(path.read_bytes())["geometry"])
        assert all(part.exterior.is_ccw for part in shapely.get_parts(shape)), path.name


def test_sides_of_the_box_stand_in_the_order_of_the_specification(catalog: Catalog) -> None:
    for path in sorted(catalog.root.glob("*/items*.parquet")):
        schema = pq.read_schema(path)
        assert [field.name for field in schema.field("bbox").type] == ["xmin", "ymin", "xmax", "ymax"]
        column = json.loads(schema.metadata[b"geo"])["columns"]["geometry"]
        shapes = shapely.from_wkb(np.asarray(pq.read_table(path)["geometry"].to_pylist(), dtype=object))
        assert set(column["geometry_types"]) == {shape.geom_type for shape in shapes}
