"""The products that stacaster knows: one file each. Adding a file adds a product."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from stacaster.errors import UnknownProductError, UsageError
from stacaster.model import GranuleContent, Product


@cache
def all_products() -> Mapping[str, Product]:
    """Return every product by name; each module of this folder has ``PRODUCT``, or ``PRODUCTS`` for several forms."""
    found: dict[str, Product] = {}
    for entry in pkgutil.iter_modules([str(Path(__file__).parent)]):
        module = importlib.import_module(f"{__name__}.{entry.name}")
        of_module: tuple[Product, ...] = getattr(module, "PRODUCTS", None) or (module.PRODUCT,)
        found |= {product.name: product for product in of_module}
    return MappingProxyType(dict(sorted(found.items())))


def get_product(name: str) -> Product:
    """Return a product by its name in stacaster, its collection id, or its short name when that is unique.

    Raises:
        UsageError: No product has this name; the message lists those there are.
    """
    wanted = name.strip().lower()
    for product in all_products().values():
        if wanted in (product.name, product.collection_id):
            return product
    same = [product for product in all_products().values() if product.short_name.lower() == wanted]
    # Files that were kept whole are asked for by their own name.
    same = [product for product in same if product.bands or product.tables] or same
    if len(same) == 1:
        return same[0]
    names = ", ".join(product.name for product in (same or all_products().values()))
    problem = "is the short name of several products" if same else "is no product"
    raise UsageError(f"{name!r} {problem}; choose one of {names}")


def of_collection(name: str) -> Product | None:
    """Return the product whose items are in a collection, or None for a collection that came from elsewhere."""
    return next((item for item in all_products().values() if item.collection_id == name), None)


def recognise(content: GranuleContent) -> Product:
    """Return the product that a granule is of, judged by its content; one made from the file where no table knows it.

    Raises:
        UnknownProductError: Several products recognise the content, or none does and it has no field on a grid.
    """
    found = [item for item in all_products().values() if item.reader == content.reader and item.recognise(content)]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(product.name for product in found)
        raise UnknownProductError(f"the content fits several products: {names}", granule=content.name)
    from stacaster.instruments.generic.describe import generic_product

    return generic_product(content, _other_versions(content))


def _other_versions(content: GranuleContent) -> list[str]:
    """Say that a product is known in other versions than that of a granule."""
    from stacaster.instruments.generic.identity import identify

    identity = identify(content)
    same = [item for item in all_products().values() if item.short_name.upper() == identity.short_name.upper()]
    if not same:
        return []
    versions = ", ".join(sorted({item.version for item in same}))
    stated = f"{identity.short_name} {identity.version}".strip()
    return [f"{stated} is read by the generic rules; the table is for {versions}"]


def file_sets() -> Mapping[str, Product]:
    """Return the products whose granules are sets of files, by name."""
    return {name: product for name, product in all_products().items() if product.file_set is not None}
