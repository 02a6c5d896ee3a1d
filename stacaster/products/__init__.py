"""The products that stacaster knows: one file each, in Python or TOML. Adding a file adds a product.

Products also come from outside: packages with the entry point ``stacaster.products``, and TOML files in the folders of
``STACASTER_PRODUCTS`` and in the folder ``products`` of a catalog.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType

from stacaster.errors import UnknownProductError, UsageError
from stacaster.instruments.generic.registry import built_in, digest_of_tables, from_packages, from_tables
from stacaster.model import GranuleContent, Product
from stacaster.model.checked import checked

__all__ = [
    "all_products", "file_sets", "get_product", "of_collection", "recognise", "use_catalog",
]  # fmt: skip


def all_products() -> Mapping[str, Product]:
    """Return every product by name; tables of the user stand before those of packages, these before our own."""
    return _all_products(digest_of_tables())


@cache
def _all_products(tables: tuple[tuple[str, int, int], ...]) -> Mapping[str, Product]:
    found = {product.name: product for product in built_in()}
    found |= {product.name: product for product in from_packages()}
    found |= {product.name: product for product in from_tables(tables)}
    return MappingProxyType(dict(sorted(found.items())))


@checked
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
    if any(product.is_generic for product in same):
        # Tables of several versions have the same fields: the newest version is meant.
        return max(same, key=lambda product: product.version)
    names = ", ".join(product.name for product in (same or all_products().values()))
    problem = "is the short name of several products" if same else "is no product"
    raise UsageError(f"{name!r} {problem}; choose one of {names}")


def of_collection(name: str) -> Product | None:
    """Return the product whose items are in a collection.

    None for a collection whose document comes from its items: those of other catalogs, and those of products whose
    bands differ from file to file.
    """
    return next((p for p in all_products().values() if p.collection_id == name and not p.is_generic), None)


def recognise(content: GranuleContent) -> Product:
    """Return the product that a granule is of, judged by its content; one made from the file where no table knows it.

    Raises:
        UnknownProductError: Several products recognise the content, or none does and it has no field on a grid.
    """
    candidates = [item for item in all_products().values() if item.reader in ("", content.reader)]
    matching = _nearest([item for item in candidates if item.recognise(content)])
    if len(matching) > 1:
        names = ", ".join(product.name for product in matching)
        raise UnknownProductError(f"the content fits several products: {names}", granule=content.name)
    from stacaster.instruments.generic.describe import generic_product

    if matching and matching[0].is_generic:
        from stacaster.instruments.generic.tables import of_file

        return of_file(matching[0], content)
    if matching:
        return matching[0]
    _refuse_unlike_its_table(content)
    if any(layer.geobox is not None for layer in content.layers.values()):
        return generic_product(content, _other_versions(content))
    from stacaster.instruments.generic.swaths import geolocations, swath_product

    return swath_product(content) if geolocations(content) else generic_product(content)


def _refuse_unlike_its_table(content: GranuleContent) -> None:
    """Refuse a file that calls itself a product with a table of its own and is not what the table needs.

    Raises:
        UnknownProductError: It is such a file.
    """
    from stacaster.formats.metadata.ecs import short_name

    stated = short_name(content)
    by_hand = [product for product in all_products().values() if not product.is_generic]
    for product in by_hand:
        named = product.file_set is not None and all(product.file_set.fullmatch(path.name) for path in content.files)
        same = stated != "" and stated.startswith("AST") and stated == product.short_name.upper().replace("_", "")
        if named or same:
            raise UnknownProductError(
                f"is called {product.short_name}, but is not what its table needs (short name "
                f"{stated or 'not stated'}); it is damaged, or of a version without a table",
                granule=content.name,
            )


def _nearest(matching: Sequence[Product]) -> list[Product]:
    """Return the products that stand nearest to the user: files first, then packages, then our own."""
    levels: dict[int, list[Product]] = {}
    for product in matching:
        is_file = product.origin.endswith(".toml")
        level = 0 if is_file else 2 if product.origin == "stacaster" else 1
        # What was written for one product by hand goes before a table.
        levels.setdefault(2 * level + product.is_generic, []).append(product)
    return levels[min(levels)] if levels else []


def _other_versions(content: GranuleContent) -> list[str]:
    """Say that a product is known in other versions than that of a granule."""
    from stacaster.instruments.generic.identity import identify

    identity = identify(content)
    same = [item for item in all_products().values() if item.short_name.upper() == identity.short_name.upper()]
    if not same or identity.version in {item.version for item in same}:
        return []
    versions = ", ".join(sorted({item.version for item in same}))
    stated = f"{identity.short_name} {identity.version}".strip()
    return [f"{stated} is read by the generic rules; the table is for {versions}"]


def file_sets() -> Mapping[str, Product]:
    """Return the products whose granules are sets of files, by name."""
    return {name: product for name, product in all_products().items() if product.file_set is not None}


def use_catalog(folder: str) -> None:
    """Take the tables of a catalog's folder ``products`` into account, in this process and those that it starts.

    Args:
        folder: Folder of the catalog.
    """
    from stacaster.instruments.generic.registry import add_folder

    add_folder(folder)
