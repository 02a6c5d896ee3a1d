"""Cubes of items: pixels in the right place, in physical units, with no silent hole."""

from stacaster.cube import accessor as _accessor  # noqa: F401 - ``cube.stacaster``
from stacaster.cube.lattice import native_geobox
from stacaster.cube.loading import load
from stacaster.cube.selection import collection_config

__all__ = ["collection_config", "load", "native_geobox"]
