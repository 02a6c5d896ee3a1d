"""Spectral indices: one row of a table each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stacaster.errors import LoadError, UsageError

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True, kw_only=True)
class Index:
    """One spectral index."""

    name: str
    """Name, lower case."""
    title: str
    """What it shows."""
    bands: tuple[str, ...]
    """Common names of the bands, in the order of the formula's arguments."""
    units: str
    """Units that the bands must have."""
    expression: str
    """The formula as text."""
    formula: Callable[..., Any]
    """The formula."""
    valid_range: tuple[float, float]
    """Smallest and largest value that the formula can give."""
    citation: str
    """Where the formula comes from."""


def _normalised_difference(first: Any, second: Any) -> Any:
    total = first + second
    return (first - second) / total.where(total != 0)


INDICES = {
    "ndvi": Index(
        name="ndvi",
        title="Normalized difference vegetation index",
        bands=("nir", "red"),
        units="reflectance",
        expression="(nir - red) / (nir + red)",
        formula=_normalised_difference,
        valid_range=(-1.0, 1.0),
        citation="Rouse, J. W. et al. (1974), Monitoring vegetation systems in the Great Plains with ERTS, NASA SP-351",
    ),
}
"""All indices by name."""


def get_index(name: str) -> Index:
    """Return an index by name, any case.

    Raises:
        UsageError: There is no such index; the message lists those there are.
    """
    try:
        return INDICES[name.strip().lower()]
    except KeyError as error:
        raise UsageError(f"{name!r} is no index; there is {', '.join(sorted(INDICES))}") from error


def compute_index(cube: xr.Dataset, name: str) -> xr.DataArray:
    """Compute an index from a cube in physical units.

    Args:
        cube: Dataset with one variable for each band of the index, named by common name.
        name: Name of the index.

    Returns:
        Float32 array with NaN where a band has no data or the formula divides by zero; ``expression``, ``citation`` and
        ``units`` stand in the attributes.

    Raises:
        UsageError: There is no such index.
        LoadError: The cube lacks a band, or holds stored numbers where the index needs reflectance.
    """
    index = get_index(name)
    missing = [band for band in index.bands if band not in cube.data_vars]
    if missing:
        have = ", ".join(str(key) for key in cube.data_vars)
        raise LoadError(
            f"{index.name} needs {', '.join(index.bands)}; {', '.join(missing)} missing, the cube has {have}"
        )
    bands = [cube[band] for band in index.bands]
    if any("nodata" in band.attrs or band.dtype.kind != "f" for band in bands):
        raise LoadError(
            f"{index.name} needs {index.units}, but the cube holds stored numbers: load with units={index.units!r}"
        )
    result: xr.DataArray = index.formula(*bands).astype("float32")
    kept = {key: value for key, value in bands[0].attrs.items() if key == "grid_mapping"}
    result.attrs = kept | {
        "long_name": index.title,
        "units": "1",
        "valid_range": list(index.valid_range),
        "expression": index.expression,
        "input_units": index.units,
        "citation": index.citation,
    }
    return result.rename(index.name)
