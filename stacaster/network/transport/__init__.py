"""One GET through logins, signatures and redirects: each host sees only what it may."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from stacaster.errors import FetchError
from stacaster.network.auth import LOGIN_HOST, BearerAuth
from stacaster.network.http import TIMEOUT, new_session
from stacaster.network.transport.planetary_computer import Signer
from stacaster.network.transport.refusal import PassingTrouble, persist, refuse

if TYPE_CHECKING:
    import requests

__all__ = ["PassingTrouble", "Signer", "Transport", "persist"]

_LONGEST_CHAIN = 10
_SMALL = 1 << 16
_REDIRECTS = (301, 302, 303, 307, 308)
_WANTED = (200, 206, 416)
# A burst that is being cut out: asked again after a while, for as long.
_WORKING, _POLL_S, _POLLS = 202, 1.0, 120


def _nothing(_: Any) -> None:
    """Stand in for a callback."""


class Transport:
    """Fetches addresses over one session; for one thread at a time.

    Args:
        auth: For hosts that ask for a login.
        signer: For storage that wants signed addresses.
        timeout: Seconds to connect and between two packets.
        opened: Called with every answer that begins.
        closed: Called with every answer that is not handed on.
    """

    def __init__(
        self,
        auth: BearerAuth,
        signer: Signer,
        *,
        timeout: tuple[float, float] = TIMEOUT,
        opened: Callable[[requests.Response], None] = _nothing,
        closed: Callable[[requests.Response], None] | None = None,
    ) -> None:
        self._auth, self._signer, self._timeout = auth, signer, timeout
        self._opened, self._closed = opened, closed or (lambda answer: answer.close())
        self._session = new_session()
        # Hosts with the older login keep it in a cookie; shared, so that one login serves all threads.
        self._session.cookies = auth.cookies

    def get(self, href: str, headers: Mapping[str, str], *, name: str) -> requests.Response:
        """Follow redirects by hand until the file itself answers.

        Args:
            href: Address, https.
            headers: Further headers, such as ``Range``.
            name: Name of the file for messages.

        Returns:
            An answer with status 200, 206 or 416, its body not yet read.

        Raises:
            PassingTrouble: Another try may help.
            AuthError: The provider wants other or more credentials.
            FetchError: The provider does not give the file.
        """
        url, seen, is_renewed, polls = href, set(), False, 0
        steps = 0
        while steps < _LONGEST_CHAIN:
            steps += 1
            # The older login leads back to the first address, this time with a cookie.
            state = (url, len(self._session.cookies))
            if state in seen:
                raise FetchError(f"{name}: the server redirects in a circle", href=href)
            seen.add(state)
            answer = self._send(self._signer.sign(url), {"Accept-Encoding": "identity", **headers}, name)
            self._opened(answer)
            if answer.status_code in _REDIRECTS and "Location" in answer.headers:
                url = self._following(answer, url, name)
                continue
            if answer.status_code in _WANTED:
                return answer
            if answer.status_code == _WORKING:
                self._closed(answer)
                polls += 1
                if polls > _POLLS:
                    raise PassingTrouble(f"{name}: the server is still making it after {polls - 1} questions", {})
                time.sleep(_POLL_S)
                seen.clear()
                url, steps = href, 0
                continue
            used = str(answer.request.headers.get("Authorization", ""))
            try:
                if answer.status_code != 401 or is_renewed or not self._auth.renew(used):
                    self._signer.forget(url)
                    refuse(answer, url, name=name, href=href, origin=self._auth.origin)
                is_renewed = True
            finally:
                self._closed(answer)
            seen.clear()
            url = href
        raise FetchError(f"{name}: more than {_LONGEST_CHAIN} redirects", href=href)

    def _following(self, answer: requests.Response, url: str, name: str) -> str:
        import requests

        following = urljoin(url, answer.headers["Location"])
        if answer.headers.get("Content-Length", "").isdigit() and int(answer.headers["Content-Length"]) < _SMALL:
            # Read to its end, the connection serves the next file; closed, that needs a new handshake.
            with suppress(requests.RequestException):
                answer.raw.drain_conn()
        self._closed(answer)
        if urlsplit(following).scheme != "https":
            raise FetchError(f"{name}: the server redirects to an address without https", href=url)
        return following

    def _send(self, url: str, headers: dict[str, str], name: str) -> requests.Response:
        import requests

        try:
            return self._session.get(
                url, headers=headers, auth=self._authorise, timeout=self._timeout, stream=True, allow_redirects=False
            )
        except requests.RequestException as error:
            host = urlsplit(url).hostname
            what = "Earthdata Login" if host == LOGIN_HOST else host
            text = f"{name}: {what} cannot be reached ({type(error).__name__})"
            raise PassingTrouble(text, {}) from error

    def _authorise(self, prepared: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the token: decided on the address as it goes out, not on the text that it was made from."""
        prepared.headers.update(self._auth.headers(prepared.url or ""))
        return prepared
