"""HTTP, logins, object storage, files that are read where they lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from stacaster.network.remote import RemoteFile, open_remote
    from stacaster.network.transport.url_signer import sign

__all__ = [
    "RemoteFile",
    "open_remote",
    "sign",
]

if not TYPE_CHECKING:  # names are imported when they are first used: fetching and searching need other packages
    __getattr__, __dir__, _ = lazy_loader.attach(
        __name__,
        submod_attrs={
            "remote": ["RemoteFile", "open_remote"],
            "transport.url_signer": ["sign"],
        },
    )
