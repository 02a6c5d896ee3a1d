"""Single files by the common downloader: resumed, checked, and only then under their names.

Decision: entity tags of buckets are no checksums: size, and what is in the file, decide. An orbit file must be whole
XML whose vectors span the validity in its name; a tile must lie on the grid that its name says.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from stacaster.access.fetch import TransferRules
from stacaster.access.fetch.control import Control
from stacaster.access.fetch.partial import Job, TransferContext
from stacaster.access.fetch.transfer import transfer
from stacaster.model import GranuleFile
from stacaster.network.auth import BearerAuth, EarthdataAuth
from stacaster.network.transport import Signer, Transport
from stacaster.network.transport.s3 import Buckets


def _nothing(_: int, __: int | None) -> None:
    """Stand in for a callback."""


def fetch_file(
    file: GranuleFile,
    target: Path,
    *,
    auth: BearerAuth | None = None,
    rules: TransferRules | None = None,
    progress: Callable[[int, int | None], None] = _nothing,
) -> None:
    """Download one file; one that is there with its receipt is used again.

    Args:
        file: What to get.
        target: Where it shall lie.
        auth: Gives out headers as ``EarthdataAuth`` does; None for public files.
        rules: Limits of the transfer.
        progress: Called with the bytes that are there, and the total.

    Raises:
        AuthError, FetchError, IntegrityError, SpaceError: See ``fetch.transfer``.
    """
    limits = rules or TransferRules()
    control = Control()
    given = auth if auth is not None else EarthdataAuth(None)

    def transport() -> Transport:
        timeout = (limits.connect_s, limits.read_s)
        return Transport(given, Signer(), timeout=timeout, opened=control.track, closed=control.release)

    context = TransferContext(transport=transport(), buckets=Buckets(transport), control=control, rules=limits)
    settle = transfer(Job(file=file, target=target, progress=progress), context)
    if settle is not None:
        settle()
