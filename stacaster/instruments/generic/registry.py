"""Where products come from: the folder ``products``, packages with an entry point, and TOML files of the user."""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

from stacaster.errors import StacasterError, UsageError
from stacaster.model import Product
from stacaster.model.packages import read_packages

VARIABLE = "STACASTER_PRODUCTS"
"""Folders and TOML files with products, separated as in ``PATH``; processes that are started inherit it."""
GROUP = "stacaster.products"
"""Entry points whose module has ``PRODUCT`` or ``PRODUCTS``."""
_NO_PRODUCT = ("inspection", "testing")


@cache
def built_in() -> tuple[Product, ...]:
    """Return the products of the folder ``products``."""
    from stacaster.instruments.generic.tables import read_table

    folder, found = Path(__file__).parents[2] / "products", list[Product]()
    for entry in pkgutil.iter_modules([str(folder)]):
        if entry.name not in _NO_PRODUCT:
            module = importlib.import_module(f"stacaster.products.{entry.name}")
            found += getattr(module, "PRODUCTS", None) or (module.PRODUCT,)
    for path in sorted(folder.glob("*.toml")):
        found += read_table(path, origin="stacaster")
    return tuple(found)


@cache
def from_packages() -> tuple[Product, ...]:
    """Return the products of installed packages; one that cannot be imported is a warning and costs no other."""
    from dataclasses import replace

    found: list[Product] = []

    def read(point: metadata.EntryPoint, package: str) -> None:
        loaded = point.load()
        own = loaded if isinstance(loaded, Product) else getattr(loaded, "PRODUCTS", None) or loaded.PRODUCT
        listed = (own,) if isinstance(own, Product) else tuple(own)
        if not all(isinstance(entry, Product) for entry in listed):
            raise TypeError(f"{point.value} holds no products")
        found.extend(replace(entry, origin=package) for entry in listed)

    read_packages(GROUP, "the products of {package} are", read)
    return tuple(found)


def add_folder(catalog: str) -> None:
    """Add the folder ``products`` of a catalog to ``STACASTER_PRODUCTS``, where it is one."""
    folder = Path(catalog) / "products"
    known = os.environ.get(VARIABLE, "")
    name = str(folder.absolute())
    if folder.is_dir() and any(folder.glob("*.toml")) and name not in known.split(os.pathsep):
        os.environ[VARIABLE] = os.pathsep.join(part for part in (known, name) if part)


def named_tables() -> str:
    """Return ``STACASTER_PRODUCTS`` with absolute paths, for machines that do not inherit it."""
    parts = [part for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part]
    return os.pathsep.join(str(Path(part).absolute()) for part in parts)


def use_tables(named: str) -> None:
    """Take the tables that another machine named into account."""
    if named:
        os.environ[VARIABLE] = named


def table_files() -> Iterator[Path]:
    """Yield the TOML files of ``STACASTER_PRODUCTS``.

    Raises:
        UsageError: The variable names what is neither a folder nor a file.
    """
    for part in os.environ.get(VARIABLE, "").split(os.pathsep):
        path = Path(part)
        if not part:
            continue
        if path.is_dir():
            yield from sorted(path.glob("*.toml"))
        elif path.is_file():
            yield path
        else:
            raise UsageError(f"{VARIABLE} names {part}, which is neither a folder nor a file")


def digest_of_tables() -> tuple[tuple[str, int, int], ...]:
    """Return what changes when a table of the user does: path, size and time of each."""
    found = []
    for path in table_files():
        state = path.stat()
        found.append((str(path.absolute()), state.st_size, state.st_mtime_ns))
    return tuple(found)


def from_tables(tables: tuple[tuple[str, int, int], ...]) -> list[Product]:
    """Return the products of the user's tables.

    Raises:
        UsageError: A table cannot be understood.
        StacasterError: Two tables are for one product.
    """
    from stacaster.instruments.generic.tables import read_table

    found: dict[str, Product] = {}
    for path, _, _ in tables:
        for product in read_table(Path(path)):
            other = found.get(product.name)
            if other is not None:
                raise StacasterError(f"{path} and {other.origin} are both for {product.name}; remove one of them")
            found[product.name] = product
    return list(found.values())
