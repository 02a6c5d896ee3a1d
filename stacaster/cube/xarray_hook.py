"""Register ``cube.stacaster`` with xarray as soon as xarray is there, without importing it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec
    from types import ModuleType

_NAME = "stacaster"


def watch() -> None:
    """Register the accessor now where xarray is imported, else when it will be."""
    if is_registered(sys.modules.get("xarray")):
        return
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def is_registered(xarray: ModuleType | None) -> bool:
    """Register the accessor with xarray, once; False where xarray is not imported yet, or not wholly."""
    if xarray is None or not hasattr(xarray, "register_dataarray_accessor"):
        return False
    kinds = ((xarray.Dataset, xarray.register_dataset_accessor), (xarray.DataArray, xarray.register_dataarray_accessor))
    for kind, register in kinds:
        if not hasattr(kind, _NAME):
            register(_NAME)(_accessor)
    return True


def _accessor(cube: Any) -> Any:
    """Indices, composites, series and pictures of a cube; see ``stacaster.cube.accessor.CubeAccessor``."""
    from stacaster.cube.accessor import accessor_of

    return accessor_of(cube)


class _Finder:
    """Waits for the import of xarray; finds nothing itself."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - the protocol of finders
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        if fullname != "xarray":
            return None
        from importlib.util import find_spec

        sys.meta_path.remove(self)
        spec = find_spec(fullname)
        if spec is not None and spec.loader is not None:
            loader: Any = _Loader(spec.loader)
            spec.loader = loader
        else:
            sys.meta_path.insert(0, self)
        return spec


class _Loader:
    """Loads a module as its own loader does, and registers the accessor afterwards."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        # The module keeps its own loader: resources and the like are asked of it.
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        is_registered(module)
