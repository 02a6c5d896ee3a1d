"""A file that keeps the first error of the disk for whoever closes it.

The HDF5 library crashes the process when a write fails while it closes a file. It is handed a file that takes
everything; the error is raised when the library is done.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import Self


class CapturedFile(io.RawIOBase):
    """A new file, open for reading and writing, whose writes never raise; a context manager.

    Args:
        path: File to write; replaced when it exists.

    Raises:
        OSError: The file cannot be made; at the end of the ``with`` block also that something could not be written.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = path.open("w+b", buffering=0)
        self.error: OSError | None = None
        """What went wrong first."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()

    def finish(self) -> None:
        """Wait until the disk has the file, and close it.

        Raises:
            OSError: Something could not be written.
        """
        if self.closed:
            return
        try:
            if self.error is None:
                os.fsync(self._file.fileno())
        finally:
            self.close()
        self.check()

    def check(self) -> None:
        """Raise what went wrong so far."""
        if self.error is not None:
            raise self.error

    def readable(self) -> bool:
        """Return True."""
        return True

    def writable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move to a position."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._file.tell()

    def readinto(self, buffer: Any, /) -> int:
        """Read; what was lost reads as zeros."""
        view = memoryview(buffer).cast("B")
        count = self._file.readinto(view) or 0
        if self.error is not None and count < len(view):
            view[count:] = bytes(len(view) - count)
            return len(view)
        return count

    def write(self, data: Any, /) -> int:
        """Write all of it, or keep the error."""
        view = memoryview(data).cast("B")
        size = len(view)
        try:
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            self.error = self.error or error
        return size

    def truncate(self, size: int | None = None, /) -> int:
        """Change the size."""
        try:
            return self._file.truncate(size)
        except OSError as error:
            self.error = self.error or error
            return size or 0

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()
