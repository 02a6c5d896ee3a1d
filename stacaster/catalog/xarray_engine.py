"""A catalog as a backend of xarray: ``xr.open_dataset("catalogs/demo", engine="stacaster", bands=["nir"])``."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from xarray.backends import BackendEntrypoint

from stacaster.catalog import open_catalog
from stacaster.errors import UsageError
from stacaster.model.names import Names, check_known
from stacaster.model.options import ExportOptions

if TYPE_CHECKING:
    import xarray as xr


class CatalogBackend(BackendEntrypoint):
    """Opens a catalog as a cube, in pieces; the options are those of ``Catalog.cube``.

    Example:
        >>> import xarray as xr
        >>> cube = xr.open_dataset("catalogs/demo", engine="stacaster", bands=["red"])  # doctest: +SKIP
    """

    description = "Cubes of the scenes of a stacaster catalog"
    url = "https://stacaster.readthedocs.io/"
    open_dataset_parameters: ClassVar[tuple[str, ...]] = ("filename_or_obj", "drop_variables")
    """What xarray itself passes on; ours come as they are given."""

    def open_dataset(  # type: ignore[override]
        self,
        filename_or_obj: str | os.PathLike[str],
        *,
        drop_variables: str | Iterable[str] | None = None,
        bands: Names | None = None,
        **options: Unpack[ExportOptions],
    ) -> xr.Dataset:
        """Return the cube of a catalog's scenes.

        Args:
            filename_or_obj: Folder of the catalog, its ``catalog.json``, or the address of a published one.
            drop_variables: Variables that are left out.
            bands: Asset keys or common names; empty takes every band.
            **options: ``bbox``, ``datetime``, ``collection``, ``units``, ``mask`` and so on. ``chunks`` of
                ``xr.open_dataset`` says how large the pieces are.

        Raises:
            CatalogError: There is no such catalog.
            NothingFoundError: No item fits.
            UsageError: An argument is wrong.
        """
        if not isinstance(filename_or_obj, (str, os.PathLike)):
            raise UsageError(f"a folder or address of a catalog is needed, not {type(filename_or_obj).__name__}")
        check_known("open_dataset", options, ExportOptions, also=("bands", "drop_variables"))
        cube = open_catalog(filename_or_obj).cube(bands, **options)
        for name in cube.data_vars:
            if cube[name].chunks is not None:
                # ``chunks={}`` of xarray keeps the pieces that the cube has.
                sizes = zip(cube[name].dims, cube[name].chunks or (), strict=True)
                cube[name].encoding["preferred_chunks"] = {dim: parts[0] for dim, parts in sizes}
        dropped = [drop_variables] if isinstance(drop_variables, str) else list(drop_variables or ())
        return cube.drop_vars(dropped, errors="ignore")

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Tell whether something is the folder of a catalog that stacaster made, or its ``catalog.json``."""
        if not isinstance(filename_or_obj, (str, os.PathLike)):
            return False
        path = Path(filename_or_obj)
        folder = path.parent if path.name == "catalog.json" else path
        return (folder / "catalog.json").is_file() and (folder / "index.duckdb").is_file()
