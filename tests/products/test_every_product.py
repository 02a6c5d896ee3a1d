"""What must hold for every product; a new product file is tested by this module without an edit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pystac.extensions.eo import Band as EoBand

from stacaster.catalog import stac
from stacaster.formats.readers import READERS
from stacaster.model import Product
from stacaster.products import all_products, get_product
from tests.certain import certain
from tests.stac_schemas import check

PRODUCTS = list(all_products().values())
# Common names of the eo extension 2.0.
COMMON_NAMES = {
    "pan", "coastal", "blue", "green", "green05", "yellow", "red", "rededge", "rededge071", "rededge075", "rededge078",
    "nir", "nir08", "nir09", "cirrus", "swir16", "swir22", "lwir", "lwir11", "lwir12",
}  # fmt: skip


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda product: product.name)
def test_table_is_complete(product: Product) -> None:
    assert product.reader in READERS
    names = [band.name for band in product.bands]
    assert len(names) == len(set(names))
    tables = [table.name for table in product.tables]
    files = [kind.key for kind in product.files]
    assert len(tables) == len(set(tables)) and not (names and tables), "bands, or tables"
    assert len({*names, *tables, *files}) == len(names) + len(tables) + len(files) > 0
    for table in product.tables:
        columns = [column.name for column in table.columns]
        assert len(columns) == len(set(columns)) > 0
        assert all(column.description for column in table.columns)
    for band in product.bands:
        kind = np.dtype(band.data_type)
        if band.nodata is not None:
            assert np.array_equal(kind.type(band.nodata), band.nodata, equal_nan=kind.kind in "fc"), (
                "a value of the type"
            )
        assert band.resolution > 0
        assert band.common_name is None or band.common_name in COMMON_NAMES
        for classes in (band.classes, *(field.classes for field in band.bitfields)):
            values = [item.value for item in classes]
            assert len(values) == len(set(values))
        top = [field.offset + field.length for field in band.bitfields]
        assert max(top, default=0) <= 8 * kind.itemsize
        assert (band.kind == "categorical") == bool(band.classes)
        assert (band.kind == "bitfield") == bool(band.bitfields)
    for render in product.renders.values():
        assert set(render["assets"]) <= set(names)


def test_names_are_unique() -> None:
    for values in zip(*((p.name, p.collection_id, (p.short_name, p.version, p.reader)) for p in PRODUCTS), strict=True):
        assert len(set(values)) == len(PRODUCTS)


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda product: product.name)
def test_collection_is_valid(product: Product, shared: Path) -> None:
    document = stac.build_collection(
        product,
        bboxes=[[138.0, -32.0, 139.0, -31.0]],
        interval=("2001-01-01T00:00:00.000000Z", "2002-01-01T00:00:00.000000Z"),
        years=["2001"],
        ranges={"eo:cloud_cover": (0.0, 10.0)},
    )
    assert check(document, shared / "schemas") == []
    named = {band.name for band in product.bands} | {table.name for table in product.tables}
    named |= {kind.key for kind in product.files}
    assert named == set(document["item_assets"])


def test_schema_check_can_fail(shared: Path) -> None:
    product = get_product("aster_l1t_003")
    document = stac.build_collection(product, bboxes=[[0, 0, 1, 1]], interval=("a", "b"), years=[], ranges={})
    document["item_assets"]["B01"]["eo:center_wavelength"] = "half a micrometre"
    assert any("eo" in problem for problem in check(document, shared / "schemas"))


def test_get_product_by_any_name() -> None:
    assert get_product("aster_l1t_003") is get_product("aster-l1t-003")
    assert get_product("mod10a2").name == "mod10a2_061"
    with pytest.raises(Exception, match="several products"):
        get_product("AST_L1T")
    with pytest.raises(Exception, match="aster_l1t_003"):
        get_product("landsat")


def test_eo_bands_of_pystac_know_the_common_names_that_eo_1_has() -> None:
    for product in PRODUCTS:
        for band in product.bands:
            if band.common_name in ("green", "red", "nir", "swir16", "swir22"):
                low, high = certain(EoBand.band_range(band.common_name))
                assert band.center_wavelength is not None
                assert low <= band.center_wavelength <= high
