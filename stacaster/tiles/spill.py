"""Results that memory cannot hold: computed piece by piece into a file, and read from there by rows."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Hashable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stacaster.files.disk_array import DiskArray

if TYPE_CHECKING:
    import xarray as xr

_ROWS = 512


def is_large(cube: xr.Dataset, memory: int) -> bool:
    """Tell whether the values of a cube take more than half of the memory."""
    return sum(int(band.nbytes) for band in cube.data_vars.values()) > memory // 2


@contextmanager
def computed(cube: xr.Dataset, target: Path, memory: int) -> Iterator[xr.Dataset]:
    """Compute a lazy cube: in memory where it fits, else into files of a folder, from which rows are read as needed.

    Args:
        cube: Of Dask arrays.
        target: Beside it files lie until the end, in a folder whose name begins with a dot.
        memory: Bytes that the work may take.

    Yields:
        A cube of NumPy arrays, or of Dask arrays of some rows each that lie on disk.

    Raises:
        OSError: The disk is full.
    """
    if not is_large(cube, memory):
        yield cube.compute()
        return
    import dask.array as da

    target.parent.mkdir(parents=True, exist_ok=True)
    names = [name for name, band in cube.data_vars.items() if band.chunks is not None]
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.values.", dir=target.parent))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        targets: dict[Hashable, Any] = {}
        for number, name in enumerate(names):
            made = DiskArray(folder / str(number), cube[name].shape, cube[name].dtype)
            targets[name] = stack.enter_context(closing(made))
        # All at once: what several variables are made of is read once.
        da.store([cube[name].data for name in names], [targets[name] for name in names], lock=False)
        rows = {name: (*(1,) * (cube[name].ndim - 2), _ROWS, -1)[-cube[name].ndim :] for name in names}
        stored = {name: da.from_array(target, chunks=rows[name]) for name, target in targets.items()}
        yield cube.assign({name: (cube[name].dims, stored[name], cube[name].attrs) for name in names})
