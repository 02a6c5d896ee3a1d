"""What becomes of stored values: fill, data type, physical units.

Decision: stored numbers are never moved. GDAL turns a stored number that is the cube's fill value but not the file's
into the next one (0 into 1); with classes that is another class. Here it stays, and counts as missing.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.geotiff.driver.georeference import known_nodata
from stacaster.geotiff.driver.levels import Image, Level
from stacaster.geotiff.driver.unsupported import UnsupportedError
from stacaster.geotiff.odc_private import (
    nodata_mask,
    resolve_dst_dtype,
    resolve_dst_fill_value,
    resolve_dst_nodata,
    resolve_src_nodata,
    same_nodata,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

_AT_A_TIME = 32_768


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What becomes of the values of one file in one cube."""

    source: str
    """Data type of the pixels that are handed to the rule: that of the file, or a wider one that has NaN."""
    target: str
    """Data type of the cube."""
    nodata: float | None
    """Fill value of the pixels that are handed over; None when they have none."""
    fill: Any
    """What it becomes; None leaves it."""
    outside: Any
    """What the cube holds where the file has no pixel."""
    keep: bool = False
    """Write only where the cube holds ``outside``: an earlier scene counts first."""
    stored: str = ""
    """Data type of the file, where it is not ``source``."""
    is_widened: bool = False
    """Whether pixels are handed over with NaN where they have no value, in a type that has it."""
    stored_nodata: float | None = None
    """Fill value of the file; None when it has none."""
    table: NDArray[np.float32] | None = None
    """Physical value of each stored number of an unsigned view."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "stored", self.stored or self.source)

    @property
    def is_plain(self) -> bool:
        """Whether values are written as they are stored."""
        return self.source == self.target and not self.keep and self.table is None and not self._remaps

    @property
    def _remaps(self) -> bool:
        return self.table is None and self.fill is not None and not same_nodata(self.nodata, self.fill) and (
            self.nodata is not None or self.source.startswith("float")
        )  # fmt: skip

    def with_table(self, table: NDArray[np.float32]) -> Rule:
        """Return the rule that makes physical values of stored numbers.

        Raises:
            UnsupportedError: The table is for other numbers than the file's.
        """
        if self.stored != self.target or len(table) != 2 ** (8 * np.dtype(self.stored).itemsize):
            raise UnsupportedError(f"{self.stored} becomes {self.target} first")
        if self._remaps and self.nodata is not None and not self.is_widened:
            code = np.array(self.nodata, dtype=self.source).view(f"u{np.dtype(self.source).itemsize}")[()]
            table = table.copy()
            table[code] = np.nan
        return replace(self, target="float32", table=table, fill=None, outside=np.nan)

    def missing(self, level: Level) -> Any:
        """Return what a block holds that the file leaves out."""
        return np.dtype(level.dtype).type(0 if self.stored_nodata is None else self.stored_nodata)

    def widened(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return stored numbers in the type that has NaN, which stands for the fill value."""
        wide = values.astype(self.source)
        if self.stored_nodata is not None:
            wide[nodata_mask(values, self.stored_nodata)] = np.nan
        return wide

    def put(self, values: NDArray[Any], target: NDArray[Any]) -> None:
        """Write pixels into an array of the same shape."""
        if self.table is not None:
            self._put_physical(values, target)
            return
        where = nodata_mask(target, self.outside) if self.keep else True
        if self._remaps:
            # As odc-stac: numbers that are none are missing, too.
            lost = nodata_mask(values, self.nodata)
            np.copyto(target, cast(values, target.dtype), where=where & ~lost if self.keep else True)
            if not self.keep:
                np.copyto(target, self.fill, where=lost)
            return
        np.copyto(target, cast(values, target.dtype), where=where)

    def _put_physical(self, values: NDArray[Any], target: NDArray[Any]) -> None:
        assert self.table is not None
        if self.is_widened:
            lost = np.isnan(values)
            codes = np.where(lost, 0, values).astype(self.stored)
            physical = self.table[codes.view(f"u{codes.itemsize}")]
            physical[lost] = self.outside
            np.copyto(target, physical, where=nodata_mask(target, self.outside) if self.keep else True)
            return
        codes = values.view(f"u{values.itemsize}")
        if self.keep:
            np.copyto(target, self.table[codes], where=nodata_mask(target, self.outside))
        else:
            look_up(codes, self.table, target)

    def pick(self, kernel: Any, at: tuple[Any, ...], window: Any, size: tuple[int, int], target: Any) -> bool:
        """Run a kernel that takes pixels from a window, with this rule.

        Args:
            kernel: ``kernels.nearest``.
            at: Its places: columns and rows at the nodes, step, first row and column.
            window: Pixels, of which some may lie behind those of the level.
            size: Rows and columns of the window that are pixels.
            target: Takes the pixels.
        """
        source = np.dtype(self.source)
        bits = f"u{source.itemsize}"
        codes = window.view(bits)
        if self.table is not None and not self.keep and not self.is_widened:
            return bool(kernel(*at, codes, *size, self.table, target, np.float32(self.outside), False))
        if self.is_plain or (self.keep and source.kind in "ui" and self.source == self.target and not self._remaps):
            # Bits are bits: one compiled loop a size.
            outside = np.array(self.outside, dtype=source).view(bits)[()]
            return bool(kernel(*at, codes, *size, None, target.view(bits), outside, self.keep))
        held = np.empty(target.shape, dtype=source)
        empty = np.array(self.missing_value(), dtype=source).view(bits)[()]
        is_inside = kernel(*at, codes, *size, None, held.view(bits), empty, False)
        self.put(held, target)
        return bool(is_inside)

    def blend(self, held: NDArray[np.float64], target: NDArray[Any]) -> None:
        """Write interpolated values, NaN where there is none, as GDAL does: rounded, and never the fill value."""
        lost = np.isnan(held)
        kind = np.dtype(self.stored) if self.table is not None else np.promote_types(self.stored, self.target)
        if kind.kind == "f":
            values = held.astype(kind)
        else:
            limits = np.iinfo(kind)
            values = np.floor(np.where(lost, 0, held) + 0.5).clip(limits.min, limits.max).astype(kind)
        if self.table is None:
            values = cast(values, np.dtype(self.target))
        fill = self.nodata if self.table is not None else self.fill
        if values.dtype.kind in "ui" and fill is not None and not np.isnan(fill):
            least = np.iinfo(values.dtype).min
            values[values == fill] = int(fill) + (1 if fill == least else -1)
        if self.table is not None:
            physical = self.table[values.view(f"u{kind.itemsize}")]
            physical[lost] = self.outside
            lost, values = np.isnan(physical), physical
        where = ~lost & nodata_mask(target, self.outside) if self.keep else ~lost
        if not self.keep:
            target[...] = self.outside
        np.copyto(target, values, where=where)

    def missing_value(self) -> Any:
        """Return a number that becomes ``outside``."""
        if self.nodata is not None and (
            self._remaps or self.table is not None or same_nodata(self.nodata, self.outside)
        ):
            return self.nodata
        return math.nan if self.source.startswith("float") else self.outside


def cast(values: NDArray[Any], kind: np.dtype[Any]) -> NDArray[Any]:
    """Return numbers that fit into another type, as GDAL makes them: rounded, the nearest that there is; NaN is 0."""
    if kind.kind not in "ui" or np.can_cast(values.dtype, kind, "safe"):
        return values
    limits = np.iinfo(kind)
    if values.dtype.kind == "f":
        wide = np.nan_to_num(values.astype("float64"), nan=0.0, posinf=np.inf, neginf=-np.inf)
        rounded = np.trunc(wide + np.copysign(0.5, wide))
        is_low, is_high = rounded <= limits.min, rounded >= limits.max
        found = np.where(is_low | is_high, 0, rounded).astype(kind)
    else:
        is_low, is_high = values < limits.min, values > limits.max
        found = values.astype(kind)
    found[is_low], found[is_high] = limits.min, limits.max
    return found


def look_up(codes: NDArray[Any], table: NDArray[np.float32], target: NDArray[np.float32]) -> None:
    """Write the entry of a table for each code of an array of shape (rows, columns)."""
    if "numba" in sys.modules and codes.size:
        from stacaster.geotiff.driver import kernels

        kernels.look_up(codes, table, target)
        return
    # NumPy makes eight bytes of each code on the way; of a few rows they stay in the cache.
    step = max(1, _AT_A_TIME // max(1, codes.shape[1]))
    for start in range(0, codes.shape[0], step):
        rows = slice(start, start + step)
        if target.flags.c_contiguous:
            np.take(table, codes[rows], out=target[rows], mode="clip")
        else:
            target[rows] = np.take(table, codes[rows], mode="clip")


def rule_for(image: Image, cfg: Any, *, is_masked: bool, is_bent: bool) -> Rule:
    """Return the rule of odc-stac for a file.

    Args:
        image: The file.
        cfg: ``RasterLoadParams`` of odc-loader.
        is_masked: Whether something else than the fill value says where there are no values.
        is_bent: Whether pixels come to another grid.

    Raises:
        UnsupportedError: Its numbers are too long for what is known here.
    """
    stored = image.levels[0].dtype
    target = resolve_dst_dtype(stored, cfg)
    if target.kind not in "uif":
        raise UnsupportedError(f"{target.name} is asked for")
    nodata = known_nodata(resolve_src_nodata(image.nodata, cfg), stored)
    fill = resolve_dst_nodata(target, cfg, known_nodata(nodata, target.name))
    outside = resolve_dst_fill_value(
        target, cfg, known_nodata(resolve_src_nodata(cfg.fill_value, cfg), target.name)
    )  # fmt: skip
    # Where pixels come to another type and no number says that there is none, NaN does.
    if is_masked or (is_bent and stored != target.name and nodata is None and stored[0] != "f"):
        if stored in {"int64", "uint64"}:
            raise UnsupportedError(f"{stored} with a mask")
        wide = np.promote_types(stored, "float32").name
        return Rule(
            stored=stored, source=wide, target=target.name, nodata=math.nan, fill=outside if fill is None else fill,
            outside=outside, is_widened=True, stored_nodata=nodata,
        )  # fmt: skip
    return Rule(
        stored=stored, source=stored, target=target.name, nodata=nodata, fill=fill, outside=outside,
        stored_nodata=nodata,
    )  # fmt: skip
