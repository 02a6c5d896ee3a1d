"""Tests that every product passes, for packages and tables from outside: ``stacaster.testing``.

In a test module: ``from stacaster.products.testing import check_product``; raise on the first thing that is wrong.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from stacaster.errors import StacasterError, UsageError
from stacaster.formats.readers import all_readers
from stacaster.model import Band, Product, ReadOptions
from stacaster.products import all_products, recognise

__all__ = ["check_file", "check_product", "check_table"]


def check_product(product: Product | str) -> Product:
    """Check the table of a product.

    Args:
        product: The product, or its name.

    Returns:
        The product.

    Raises:
        StacasterError: Something is wrong; the message says what.
    """
    if isinstance(product, str):
        known = all_products()
        if product not in known:
            raise UsageError(f"{product!r} is no product; there are {', '.join(known)}")
        product = known[product]
    problems = [*_of_product(product), *(text for band in product.bands for text in _of_band(band))]
    if problems:
        raise StacasterError(f"{product.name}: {'; '.join(problems)}", product=product.name)
    return product


def _of_product(product: Product) -> Iterable[str]:
    if product.reader and product.reader not in all_readers():
        yield f"reader is {product.reader!r}, but one of {', '.join(all_readers())} is needed"
    names = [entry.name for entry in product.bands] + [entry.name for entry in product.tables]
    names += [entry.key for entry in product.files]
    if len(names) != len({name.casefold() for name in names}):
        yield "two assets have one name"
    if not names and not product.is_generic:
        yield "there is no asset"
    if not product.title or not product.collection_id:
        yield "title or collection_id is empty"
    for key, render in product.renders.items():
        unknown = [name for name in render.get("assets", ()) if name not in names]
        if unknown or not render.get("assets"):
            yield f"the render {key} needs {', '.join(unknown) or 'assets'}, which the product lacks"


def _of_band(band: Band) -> Iterable[str]:
    kind = np.dtype(band.data_type)
    if band.nodata is not None and not np.array_equal(kind.type(band.nodata), band.nodata, equal_nan=kind.kind in "fc"):
        yield f"{band.name}: the fill value {band.nodata} is no {band.data_type}"
    if band.resolution <= 0:
        yield f"{band.name}: resolution is {band.resolution}"
    if (band.kind == "categorical") != bool(band.classes) or (band.kind == "bitfield") != bool(band.bitfields):
        yield f"{band.name}: kind is {band.kind}, which does not fit its classes and bits"
    for classes in (band.classes, *(field.classes for field in band.bitfields)):
        values = [entry.value for entry in classes]
        if len(values) != len(set(values)):
            yield f"{band.name}: a class has two meanings"
    if any(field.offset + field.length > 8 * kind.itemsize for field in band.bitfields):
        yield f"{band.name}: a bit is beyond {band.data_type}"


def check_table(path: str | os.PathLike[str]) -> tuple[Product, ...]:
    """Check a TOML table.

    Args:
        path: The file.

    Returns:
        Its products.

    Raises:
        StacasterError: Something is wrong; the message says what.
    """
    from stacaster.instruments.generic.tables import read_table

    return tuple(check_product(product) for product in read_table(Path(path)))


def check_file(path: str | os.PathLike[str], product: str) -> Product:
    """Check that a file is recognised as a product, and that its bands are in order.

    Args:
        path: A file of the product.
        product: Name of the product.

    Returns:
        The product with the bands of the file.

    Raises:
        StacasterError: The file is of another product, or something is wrong with a band.
    """
    from stacaster.formats.readers import open_granule

    with open_granule([Path(path)]) as granule:
        found = recognise(granule.content)
        if found.name != product:
            raise StacasterError(f"{path} is {found.name}, not {product}", product=product)
        scene = found.describe(granule.content, ReadOptions())
    names = [band.band.name for band in scene.bands]
    if len(names) != len(set(names)):
        raise StacasterError(f"{path}: two bands have one name", product=product)
    problems = [text for band in scene.bands for text in _of_band(band.band)]
    if problems:
        raise StacasterError(f"{path}: {'; '.join(problems)}", product=product)
    return found
