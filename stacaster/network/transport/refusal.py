"""What it means when a provider does not give a file, and whether another try may help."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from urllib.parse import urlsplit

from stacaster.errors import AuthError, FetchError, StacasterError
from stacaster.network.auth import HOW_TO, may_see_token
from stacaster.network.http import RETRIED, Patience, RetryPolicy, error_text

if TYPE_CHECKING:
    import requests


_T = TypeVar("_T")


class PassingTrouble(Exception):  # noqa: N818 - not an error of the run: another try may help
    """Something went wrong that may be different the next time.

    Args:
        text: What went wrong.
        headers: Headers of the answer, which may say how long to wait.
    """

    def __init__(self, text: str, headers: Any) -> None:
        super().__init__(text)
        self.headers = headers


def persist(
    act: Callable[[], _T], href: str, *, policy: RetryPolicy | None = None, error: type[StacasterError] = FetchError
) -> _T:
    """Act until it works or the patience ends.

    Args:
        act: What may raise PassingTrouble.
        href: Address for the error.
        policy: Attempts and time.
        error: Class of the error that is raised.

    Raises:
        StacasterError: Of the class asked for. It did not work within the budget; the message says what went wrong.
    """
    rules = policy or RetryPolicy()
    patience = Patience(rules)
    while True:
        try:
            return act()
        except PassingTrouble as trouble:
            wait = patience.wait_after(trouble.headers)
            if wait is None:
                raise error(f"{trouble}; tried {patience.failures} times", href=href) from trouble
        rules.sleep(wait)


def refuse(answer: requests.Response, url: str, *, name: str, href: str, origin: str | None) -> NoReturn:
    """Raise what an answer without the file means.

    Args:
        answer: The answer.
        url: Address that was asked last.
        name: Name of the file for messages.
        href: Its address in the record.
        origin: Where the credentials came from; None when there are none.

    Raises:
        PassingTrouble: Another try may help.
        AuthError: The provider wants other or more credentials, or a licence agreed to.
        FetchError: The file cannot be had.
    """
    code, host = answer.status_code, urlsplit(url).hostname
    if code == 401:
        what = "needs a login" if origin is None else f"refused the credentials from {origin}"
        raise AuthError(f"{name}: {host} {what}; {HOW_TO}", href=href)
    said = error_text(answer)
    if code in RETRIED:
        raise PassingTrouble(f"{name}: {host} answered {code}", answer.headers)
    if code in (400, 403) and not may_see_token(url):
        raise PassingTrouble(f"{name}: {host} answered {code}; its signed address may have expired", {})
    if code == 403:
        link = _resolution(answer)
        if link:
            raise AuthError(f"{name}: {said}; agree at {link} and try again", href=href)
        raise AuthError(f"{name}: {host} refuses access: {said}", href=href)
    raise FetchError(f"{name}: {host} answered {code}: {said}", href=href)


def _resolution(answer: requests.Response) -> str | None:
    """Return where a licence has to be agreed to, when the provider says so."""
    try:
        body = answer.json()
    except ValueError:
        return None
    link = body.get("resolution_url") if isinstance(body, dict) else None
    return str(link) if link else None
