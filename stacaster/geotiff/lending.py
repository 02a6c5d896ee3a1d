"""Memory for blocks of pixels that is used again: fresh pages cost a tenth of a read."""

from __future__ import annotations

import math
import threading
import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray


class _Slot(threading.local):
    """The memory of a thread."""

    def __init__(self) -> None:
        self.free: list[NDArray[np.uint8]] = []
        self.lent: dict[int, weakref.ref[Any]] = {}


_slot = _Slot()


def borrow(shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """Return an array of any values, in memory of this thread that no array uses any more, or in new memory.

    Args:
        shape: Shape of the array.
        dtype: Its type.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    free, lent = _slot.free, _slot.lent
    memory = free.pop() if free else None
    if memory is None or memory.size < size:
        memory = np.empty(max(size, 1), dtype="uint8")
    # Every view of ``root`` holds ``root``, whose memory NumPy does not own; once the last view is gone it goes, too.
    root = np.frombuffer(memory.data, dtype="uint8")

    def give_back(_: weakref.ref[Any]) -> None:
        # The last view may go in another thread; the memory goes back to the thread that asked for it.
        lent.pop(id(memory), None)
        free[:] = [memory]

    lent[id(memory)] = weakref.ref(root, give_back)
    pixels: NDArray[Any] = root[:size].view(dtype).reshape(shape)
    return pixels
