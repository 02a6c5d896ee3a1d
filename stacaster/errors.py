"""Every error that stacaster raises on purpose.

StacasterError            exit code 1
 ├─ UsageError            2  an argument that cannot be understood
 ├─ NothingFoundError     3  a selection without a single item
 ├─ SearchError           6  a search service did not answer as it should
 ├─ AuthError             5  no credentials, or they were refused
 ├─ FetchError            6  a file could not be downloaded
 │   └─ IntegrityError    7  a file is not what the provider announced
 ├─ ReadError             7  a granule is damaged or incomplete
 │   └─ UnknownProductError 2  a readable file without pixels on a grid, or of no known format
 ├─ WriteError            7  what was written is not what was read back
 │   └─ SpaceError        8  no space left, or a size or memory limit was hit
 ├─ CatalogError          7  a catalog is not ours, or is damaged
 ├─ LoadError             1  a cube cannot be built from a selection
 ├─ QueryTimeoutError     1  a query took longer than it may
 └─ ExportError           1  a result cannot be written
"""

from __future__ import annotations

import difflib
import errno
import os
from collections.abc import Iterable

PARTIAL_EXIT_CODE = 4
"""Exit code of a run in which some granules failed and others did not."""

INTERRUPTED_EXIT_CODE = 130
"""Exit code after Ctrl-C."""

_SPACE_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENOMEM})
_SPACE_WORDS = tuple(os.strerror(number) for number in sorted(_SPACE_ERRNOS))


class StacasterError(Exception):
    """Base of all errors of this package; says what was asked, what was found and what to do.

    Args:
        message: One or two sentences for the user.
        granule: Name of the granule or file at fault, if there is one.
        product: Name of the product, if one is known.
        href: File or address at fault, if there is one.

    Example:
        >>> try:
        ...     stacaster.open_catalog("nowhere").search()
        ... except stacaster.StacasterError as error:
        ...     print(type(error).__name__, error.exit_code)
        CatalogError 7
    """

    exit_code = 1

    def __init__(
        self, message: str, *, granule: str | None = None, product: str | None = None, href: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.granule = granule
        self.product = product
        self.href = href

    def __str__(self) -> str:
        return f"{self.granule}: {self.message}" if self.granule else self.message


class UsageError(StacasterError):
    """An argument has a value that cannot be understood or does not fit the others."""

    exit_code = 2


class NothingFoundError(StacasterError):
    """A search or selection has no result."""

    exit_code = 3


class SearchError(StacasterError):
    """A search service did not answer as it should."""

    exit_code = 6


class FetchError(StacasterError):
    """A file could not be downloaded."""

    exit_code = 6


class IntegrityError(FetchError):
    """A downloaded file is not what the provider announced."""

    exit_code = 7


class AuthError(StacasterError):
    """There are no credentials, or they were refused."""

    exit_code = 5


class ReadError(StacasterError):
    """A granule is damaged, incomplete, or not what its name says."""

    exit_code = 7


class UnknownProductError(ReadError):
    """A file that is not damaged is of no format or product that stacaster can turn into pixels on a grid."""

    exit_code = 2


class WriteError(StacasterError):
    """What was written is not what was read back, or could not be written."""

    exit_code = 7


class SpaceError(WriteError):
    """No space is left on the device, or a size or memory limit was hit."""

    exit_code = 8


class CatalogError(StacasterError):
    """A folder is not a catalog of ours, or the catalog is damaged."""

    exit_code = 7


class LoadError(StacasterError):
    """A cube cannot be built from the selected items."""


class QueryTimeoutError(StacasterError):
    """A query took longer than it may."""


class ExportError(StacasterError):
    """A result cannot be written."""


class StacasterWarning(UserWarning):
    """Something that a user should know, and that is no error; on the command line it is printed as a message."""


class LeftOutWarning(StacasterWarning):
    """Something of many was left out of a result, and the rest is there; the text says what and what to do.

    On the command line the exit code is 4.
    """


class GridWarning(StacasterWarning):
    """A grid was chosen because none was named and the scenes do not share one."""


def is_space_error(error: BaseException) -> bool:
    """Tell whether an error means that space or memory has run out; libraries pass the system's words on as text."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in _SPACE_ERRNOS):
        return True
    return any(words in str(error) for words in _SPACE_WORDS)


def nearest(wrong: str, names: Iterable[str]) -> str:
    """Return words for a message: the names nearest to a wrong one, and all there are."""
    known = [str(name) for name in names]
    # Letters of the other case are no difference: NIR is nir.
    by_word = {name.lower(): name for name in reversed(known)}
    close = [by_word[word] for word in difflib.get_close_matches(str(wrong).lower(), by_word, n=3, cutoff=0.0)]
    return f"nearest are {', '.join(close)}; all are {', '.join(known)}"
