"""Addresses that can be read for a while without a login: for GDAL and odc-stac, which know no logins."""

from __future__ import annotations

import re
import threading
import time
from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape, unescape

from stacaster.network.auth import EarthdataAuth, find_credentials, may_see_token
from stacaster.network.http import SHORT_PATIENCE
from stacaster.network.transport import Signer, Transport, persist
from stacaster.network.transport.own_vrt import is_own_vrt
from stacaster.network.transport.planetary_computer import needs_signature

_GOOD_FOR_S = 1200.0
_SOURCE = re.compile(r"/vsicurl/(https://[^<]+)")


def sign(href: str) -> str:
    """Return an address under which a remote file can be read for a while; others come back as they are.

    Files of the Planetary Computer get a signature, files behind Earthdata Login the signed address to which their
    provider redirects. Such addresses expire within an hour and are never stored. ``odc.stac.load(...,
    patch_url=stacaster.network.sign)`` reads items that were registered in place; ``stacaster.load`` does so by itself.

    Args:
        href: Address or path of an asset. Of a virtual raster (``.vrt``) that leads to files behind a login, the whole
            text comes back, which GDAL opens like the file, with addresses that can be read.

    Raises:
        AuthError: The provider wants other or more credentials.
        FetchError: The provider does not give the file.
    """
    if href.endswith(".vrt") and "://" not in href:
        return _with_signed_sources(href)
    if needs_signature(href):
        return _shared_signer().sign(href)
    if not may_see_token(href):
        return href
    return _Redirects.shared().end_of(href)


def _with_signed_sources(path: str) -> str:
    text = Path(path).read_text(encoding="utf-8", errors="replace")
    if not is_own_vrt(text):
        return path  # Nothing is asked for what another program wrote; readers refuse it.
    signed = _SOURCE.sub(lambda match: f"/vsicurl/{escape(sign(unescape(match[1])))}", text)
    return path if signed == text else signed


@cache
def _shared_signer() -> Signer:
    return Signer()


class _Redirects:
    """Where addresses lead after the login; remembered for twenty minutes."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, str]] = {}
        self._lock = threading.Lock()

    @staticmethod
    @cache
    def shared() -> _Redirects:
        return _Redirects()

    def end_of(self, href: str) -> str:
        with self._lock:
            made, found = self._known.get(href, (0.0, ""))
            if not found or time.monotonic() - made > _GOOD_FOR_S:
                found = self._ask(href)
                self._known[href] = (time.monotonic(), found)
            return found

    def _ask(self, href: str) -> str:
        transport = Transport(EarthdataAuth(find_credentials()), _shared_signer())

        def ask() -> str:
            with transport.get(href, {"Range": "bytes=0-0"}, name=href.rpartition("/")[2]) as answer:
                return str(answer.url)

        return persist(ask, href, policy=SHORT_PATIENCE)
