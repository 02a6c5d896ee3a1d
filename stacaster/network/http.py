"""HTTP as NASA's services need it: no hidden credentials, time-outs, and retries that listen to the server."""

from __future__ import annotations

import email.utils
import logging
import os
import random
import re
import time
import urllib.request
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypedDict, Unpack

from stacaster.config import __version__
from stacaster.errors import SearchError, StacasterError

if TYPE_CHECKING:
    import requests

TIMEOUT = (10.0, 60.0)
"""Seconds to connect and between two packets."""

RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Status codes that may be different the next time."""

_QUERY = re.compile(r"\?\S+")
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 60.0


class _WithoutQuery(logging.Filter):
    """Takes the query out of addresses that urllib3 logs: signed addresses are as good as a password."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_without(arg) for arg in record.args)
        return True


def _without(value: Any) -> Any:
    if isinstance(value, str):
        return _QUERY.sub("?...", value)
    return _QUERY.sub("?...", str(value)) if isinstance(value, Exception) else value


def without_queries(text: str) -> str:
    """Return a text whose addresses have lost their queries: signatures are as good as passwords."""
    return _QUERY.sub("?...", text)


# Words of rasterio that say nothing themselves.
_POINTING = ("previous exception", "Chunk and warp failed")


def reason_of(error: BaseException) -> str:
    """Return what an error of GDAL says, without queries; where it only points to its cause, what that says."""
    while any(text in str(error) for text in _POINTING) and (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return without_queries(str(error))


def guard_log(name: str) -> None:
    """Take the queries out of addresses that a library logs under this name."""
    logger = logging.getLogger(name)
    if not any(isinstance(entry, _WithoutQuery) for entry in logger.filters):
        logger.addFilter(_WithoutQuery())


def new_session() -> requests.Session:
    """Return a session that uses proxies and certificates of the environment, but never a netrc file.

    With ``trust_env`` requests would put netrc entries in place of a bearer token, also on foreign hosts.
    """
    import requests

    session = requests.Session()
    session.trust_env = False
    session.proxies = {key: value for key in ("http", "https") if (value := proxy_of(key)) is not None}
    bundle = ca_bundle()
    if bundle:
        session.verify = bundle
    session.headers.update({"User-Agent": f"stacaster/{__version__}", "Client-Id": f"stacaster/{__version__}"})
    return session


def proxy_of(scheme: str) -> str | None:
    """Return the proxy that the environment names for ``http`` or ``https``."""
    return urllib.request.getproxies().get(scheme)


def ca_bundle() -> str | None:
    """Return the file of certificates that the environment names."""
    names = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


guard_log("urllib3.connectionpool")


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How often and how long a request is tried again."""

    attempts: int = 6
    """Requests in all."""
    budget_s: float = 300.0
    """Longest time for all attempts and waits together."""
    sleep: Callable[[float], None] = time.sleep
    """Waits; tests replace it to see the waits."""


class Budget(Protocol):
    """How often and how long something is tried."""

    @property
    def attempts(self) -> int:
        """Attempts in all."""

    @property
    def budget_s(self) -> float:
        """Longest time for all attempts and waits together."""


class Patience:
    """Decides for every retry loop of the package whether something is tried again, and when.

    Args:
        budget: Attempts and time.
    """

    def __init__(self, budget: Budget) -> None:
        self._budget, self._started = budget, time.monotonic()
        self.failures = 0
        """Failures without progress in between."""

    def wait_after(self, headers: Mapping[str, str], *, is_progress: bool = False) -> float | None:
        """Return the seconds to wait after a failure, or None when it was the last attempt.

        Args:
            headers: Headers of the answer, which may say how long to wait.
            is_progress: Something came before the failure, so that attempts count anew.
        """
        self.failures = 1 if is_progress else self.failures + 1
        wait = retry_wait(self.failures, headers)
        is_over = time.monotonic() - self._started + wait > self._budget.budget_s
        return None if is_over or self.failures >= self._budget.attempts else wait


SHORT_PATIENCE = RetryPolicy(attempts=4, budget_s=60.0)
"""For small questions, such as a login, on whose answer more waits."""


def retry_wait(attempt: int, headers: Mapping[str, str]) -> float:
    """Return the seconds to wait before the next attempt: what the server says, else growing with full jitter.

    Args:
        attempt: 1 after the first failure.
        headers: Headers of the answer; ``Retry-After`` in seconds or as a date is honoured up to a minute.
    """
    asked = _retry_after(headers.get("Retry-After"))
    if asked is not None:
        return min(asked, _LONGEST_WAIT_S)
    return random.uniform(0, min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** (attempt - 1)))  # noqa: S311 - jitter


def _retry_after(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return max(0.0, moment.timestamp() - time.time())


class RequestArguments(TypedDict, total=False):
    """What of ``requests.Session.request`` is used."""

    params: Any
    """Query of the address."""
    data: Any
    """Form, or the body as it is."""
    json: Any
    """Body, as JSON."""
    headers: Mapping[str, str]
    """Further headers."""
    auth: Any
    """Credentials."""
    stream: bool
    """Leave the body until it is read."""
    allow_redirects: bool
    """Follow redirects."""


def request(
    session: requests.Session,
    method: str,
    url: str,
    *,
    what: str,
    policy: RetryPolicy | None = None,
    error: type[StacasterError] = SearchError,
    passed: Collection[int] = (),
    **arguments: Unpack[RequestArguments],
) -> requests.Response:
    """Send a request, trying again where that may help.

    Args:
        session: From ``new_session``.
        method: ``GET`` or ``POST``.
        url: Address.
        what: Name of the service for messages.
        policy: Attempts and time.
        error: Class of the error that is raised.
        passed: Status codes whose answers are handed on like good ones.
        **arguments: Those of ``requests.Session.request``.

    Returns:
        The answer with status 200 to 299, or one of ``passed``.

    Raises:
        StacasterError: Of the class asked for. The service refuses, or did not answer within the budget; the message
            holds what it said.
    """
    import requests

    rules = policy or RetryPolicy()
    patience = Patience(rules)
    while True:
        headers: Mapping[str, str] = {}
        try:
            answer = session.request(method, url, timeout=TIMEOUT, **arguments)
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as failure:
            problem = f"{what} cannot be reached: {_short(failure)}"
        except requests.RequestException as failure:
            raise error(f"{what}: {_short(failure)}", href=url) from failure
        else:
            if answer.ok or answer.status_code in passed:
                return answer
            problem = f"{what} answered {answer.status_code}: {error_text(answer)}"
            headers = answer.headers
            if answer.status_code not in RETRIED:
                raise error(problem, href=url)
        wait = patience.wait_after(headers)
        if wait is None:
            raise error(f"{problem} (tried {patience.failures} times); try again later", href=url)
        rules.sleep(wait)


def error_text(answer: requests.Response) -> str:
    """Return what a service says of an error: the messages of a JSON answer, or the beginning of the text."""
    try:
        body = answer.json()
    except ValueError:
        return " ".join(answer.text.split())[:200] or answer.reason
    errors = body.get("errors") if isinstance(body, dict) else None
    if isinstance(errors, Sequence) and not isinstance(errors, str):
        return "; ".join(_one_error(entry) for entry in errors)
    if isinstance(body, dict):
        for key in ("error_description", "description", "detail", "message", "error"):
            if isinstance(body.get(key), str):
                return str(body[key])
    return str(body)[:200]


def _one_error(entry: Any) -> str:
    # CMR writes an error of one field as {"path": [...], "errors": [...]}.
    if isinstance(entry, dict):
        place = "/".join(str(part) for part in entry.get("path", ()))
        return f"{place}: {'; '.join(str(text) for text in entry.get('errors', ()))}"
    return str(entry)


def _short(error: BaseException) -> str:
    reason: Any = error.args[0] if error.args else error
    return str(getattr(reason, "reason", reason))[:200]
