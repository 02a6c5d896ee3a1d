"""What becomes of stored values: fill, data type, physical units."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from odc.loader._reader import (
    nodata_mask,
    resolve_dst_dtype,
    resolve_dst_fill_value,
    resolve_dst_nodata,
    resolve_src_nodata,
    same_nodata,
)

from stacaster.geotiff.driver.tiff import Image, Level, UnsupportedError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_AT_A_TIME = 32_768
_SAFE = {("int32", "float32"), ("uint32", "float32")}


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What becomes of the values of one file in one cube."""

    source: str
    """Data type of the file."""
    target: str
    """Data type of the cube."""
    nodata: float | None
    """Fill value of the file; None when it has none."""
    fill: Any
    """What it becomes; None leaves it."""
    outside: Any
    """What the cube holds where the file has no pixel."""
    keep: bool = False
    """Write only where the cube holds ``outside``: an earlier scene counts first."""
    table: NDArray[np.float32] | None = None
    """Physical value of each stored number of an unsigned view."""

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
        if self.source != self.target or len(table) != 2 ** (8 * np.dtype(self.source).itemsize):
            raise UnsupportedError(f"{self.source} becomes {self.target} first")
        if self._remaps and self.nodata is not None:
            code = np.array(self.nodata, dtype=self.source).view(f"u{np.dtype(self.source).itemsize}")[()]
            table = table.copy()
            table[code] = np.nan
        return replace(self, target="float32", table=table, fill=None, outside=np.nan)

    def missing(self, level: Level) -> Any:
        """Return what a tile holds that the file leaves out."""
        kind = np.dtype(level.dtype)
        return kind.type(0 if self.nodata is None else self.nodata)

    def put(self, values: NDArray[Any], target: NDArray[Any]) -> None:
        """Write stored values into an array of the same shape."""
        if self.table is not None:
            codes = values.view(f"u{values.itemsize}")
            if self.keep:
                np.copyto(target, self.table[codes], where=nodata_mask(target, self.outside))
            else:
                look_up(codes, self.table, target)
            return
        where = nodata_mask(target, self.outside) if self.keep else True
        if self._remaps:
            # As odc-stac: numbers that are none are missing, too.
            lost = nodata_mask(values, self.nodata)
            np.copyto(target, values, where=where & ~lost if self.keep else True, casting="unsafe")
            if not self.keep:
                np.copyto(target, self.fill, where=lost)
            return
        np.copyto(target, values, where=where, casting="unsafe")

    def pick(self, kernel: Any, at: tuple[Any, ...], window: Any, size: tuple[int, int], target: Any) -> bool:
        """Run a kernel that takes pixels from a window, with this rule.

        Args:
            kernel: ``kernels.nearest``.
            at: Its places: columns and rows at the nodes, step, first row and column.
            window: Whole tiles.
            size: Rows and columns of the window that are pixels.
            target: Takes the pixels.
        """
        source = np.dtype(self.source)
        bits = f"u{source.itemsize}"
        codes = window.view(bits)
        if self.table is not None and not self.keep:
            return bool(kernel(*at, codes, *size, self.table, target, np.float32(self.outside), False))
        if self.is_plain or (self.keep and source.kind in "ui" and self.source == self.target and not self._remaps):
            # Bits are bits: one compiled loop a size.
            outside = np.array(self.outside, dtype=source).view(bits)[()]
            return bool(kernel(*at, codes, *size, None, target.view(bits), outside, self.keep))
        held = np.empty(target.shape, dtype=source)
        empty = np.array(self.missing_value(), dtype=source).view(bits)[()]
        found = kernel(*at, codes, *size, None, held.view(bits), empty, False)
        self.put(held, target)
        return bool(found)

    def blend(self, held: NDArray[np.float64], target: NDArray[Any]) -> None:
        """Write interpolated values, NaN where there is none, as GDAL does: rounded, and never the fill value."""
        lost = np.isnan(held)
        kind = np.dtype(self.source if self.table is not None else self.target)
        if kind.kind == "f":
            values = held.astype(kind)
        else:
            limits = np.iinfo(kind)
            values = np.floor(np.where(lost, 0, held) + 0.5).clip(limits.min, limits.max).astype(kind)
            fill = self.nodata if self.table is not None else self.fill
            if fill is not None:
                values[values == fill] = int(fill) + (1 if fill == limits.min else -1)
        if self.table is not None:
            physical = self.table[values.view(f"u{kind.itemsize}")]
            physical[lost] = self.outside
            lost, values = np.isnan(physical), physical
        where = ~lost & nodata_mask(target, self.outside) if self.keep else ~lost
        if not self.keep:
            target[...] = self.outside
        np.copyto(target, values, where=where)

    def missing_value(self) -> Any:
        """Return a stored number that becomes ``outside``.

        Raises:
            UnsupportedError: There is none.
        """
        if self.nodata is not None and (
            self._remaps or self.table is not None or same_nodata(self.nodata, self.outside)
        ):
            return self.nodata
        if self.source.startswith("float"):
            return math.nan
        if self.source == self.target:
            return self.outside
        raise UnsupportedError("no stored number says that there is no pixel")


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


def rule_for(image: Image, cfg: Any, *, is_bent: bool) -> Rule:
    """Return the rule of odc-stac for a file.

    Args:
        image: The file.
        cfg: ``RasterLoadParams`` of odc-loader.
        is_bent: Whether nearest pixels come to another grid, where GDAL treats fill differently.

    Raises:
        UnsupportedError: GDAL would clamp or round, or do more than is known here.
    """
    source = image.levels[0].dtype
    target = resolve_dst_dtype(source, cfg)
    if not np.can_cast(source, target, "safe") and (source, target.name) not in _SAFE:
        raise UnsupportedError(f"{source} cannot become {target.name} without a loss")
    nodata = resolve_src_nodata(image.nodata, cfg)
    if nodata is not None and np.dtype(source).kind in "ui":
        limits = np.iinfo(source)
        if not (float(nodata).is_integer() and limits.min <= nodata <= limits.max):
            raise UnsupportedError(f"its fill value {nodata} is none of {source}")
    fill = resolve_dst_nodata(target, cfg, nodata)
    if is_bent and fill is not None and not same_nodata(nodata, fill) and target.kind in "ui":
        raise UnsupportedError("its fill value is not that of the cube, and GDAL moves values away from that")
    outside = resolve_dst_fill_value(target, cfg, resolve_src_nodata(cfg.fill_value, cfg))
    return Rule(source=source, target=target.name, nodata=nodata, fill=fill, outside=outside)
