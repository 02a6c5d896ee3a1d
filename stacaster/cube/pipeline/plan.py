"""What is to be read for a cube: plain data, which threads, processes and Dask workers get alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

    from stacaster.cube.band_model import Kind
    from stacaster.cube.pipeline.mask_steps import MaskStep
    from stacaster.cube.units import SceneFormula

SOURCE, COUNT = "source", "n_obs"
MASK_PREFIX = "mask_"
"""Names of masks that are kept in a cube begin so."""

NATIVE_RESAMPLINGS = frozenset({"nearest", "bilinear", "cubic", "average"})
"""Resamplings that are worked out here, at exact places; others are left to GDAL."""


@dataclass(frozen=True, kw_only=True)
class SceneBand:
    """One band of one scene."""

    item_id: str
    key: str
    """Key of the band."""
    address: str
    """What is opened."""
    number: int
    """Band in the file."""
    dtype: str
    """Of the stored numbers."""
    nodata: float | None
    """Stored number that is no data."""
    formula: SceneFormula | None = None
    """Stored numbers to the units of the cube; None leaves them."""
    factor: SceneBand | None = None
    """Band whose physical values are multiplied with those of this one."""
    crs: str | None = None
    """Of the item, for files that say none."""
    geobox: GeoBox | None = None
    turns: tuple[float, ...] = (0.0,)
    """Degrees by which longitudes of the file move to lie on those of the cube."""
    masks: tuple[MaskStep, ...] = ()
    is_raw: bool = False
    """Whether every stored number counts, whatever says that it is no data."""
    has_mask: bool = False
    """Whether the file says by a mask or an alpha band where it has no data."""

    @property
    def place(self) -> tuple[str, str]:
        """Item id and key, as the report knows it."""
        return self.item_id, self.key


@dataclass(frozen=True, kw_only=True)
class BandPlan:
    """One band of a cube."""

    key: str
    dtype: str
    """Of the cube."""
    nodata: float | None
    """Of the cube; None where every number is a value."""
    kind: Kind
    resampling: str
    cfg: Any = field(repr=False)
    """``RasterLoadParams`` of odc-loader."""
    use_overviews: bool = True
    min_valid: float = 0.0
    fuser: str | None = None
    """Full name of a function that joins scenes."""

    @property
    def outside(self) -> Any:
        """Value where there is nothing."""
        dtype = np.dtype(self.dtype)
        if self.nodata is not None:
            return dtype.type(self.nodata)
        return dtype.type(np.nan) if dtype.kind in "fc" else dtype.type(0)

    def plain(self) -> BandPlan:
        """Return the same band without what only some scenes need."""
        return replace(self, min_valid=0.0)


@dataclass(frozen=True, kw_only=True)
class SlicePlan:
    """The scenes of one slice, and what is made of them."""

    positions: tuple[int, ...]
    """Positions of the items, the first counts first."""
    scenes: Mapping[tuple[int, str], SceneBand]
    """By position and key."""


@dataclass(frozen=True, kw_only=True)
class CubePlan:
    """A whole cube."""

    geobox: GeoBox
    bands: tuple[BandPlan, ...]
    slices: tuple[SlicePlan, ...]
    driver: Any
    """``ReportingDriver``."""
    env: Mapping[str, Any]
    state: Any
    """What the readers of one load share, of odc-loader."""
    source: bool = False
    n_obs: bool = False
    deep: bool = False
    """Whether a slice has more scenes than a byte can count."""
    kept_masks: tuple[str, ...] = ()
    """Masks that become variables."""

    @property
    def is_joint(self) -> bool:
        """Whether all bands are needed to say something of a pixel."""
        return self.source or self.n_obs or bool(self.kept_masks)

    def layers(self) -> dict[str, str]:
        """Return the data types of the variables by name."""
        found = {band.key: band.dtype for band in self.bands}
        if self.source:
            found[SOURCE] = "int32"
        if self.n_obs:
            found[COUNT] = "uint16" if self.deep else "uint8"
        return found | {MASK_PREFIX + safe_name(name): "bool" for name in self.kept_masks}


def safe_name(name: str) -> str:
    """Return the name of a mask as that of a variable."""
    return name.replace("=", "_").replace("/", "_")
