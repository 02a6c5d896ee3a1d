"""Which host an address leads to, and whether it may be shown a secret: one decision for all services.

Parsers of addresses disagree: of a host name with a backslash, ``urllib`` takes the whole and ``requests`` and curl
take what stands before it. So an address counts only where its host is written so plainly that all of them read the
same, and where the prepared request, which is what goes out, names the same host again.
"""

from __future__ import annotations

import re

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}\.)+[a-z][a-z0-9-]*[a-z0-9]")
# Scheme and host as they stand; user info, other ports, escapes and letters beyond ASCII have no place in it.
_AUTHORITY = re.compile(r"[Hh][Tt][Tt][Pp][Ss]://([A-Za-z0-9.-]{1,253})(?::443)?(?=[/?#]|\Z)")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\]")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def is_trusted(url: str, domains: tuple[str, ...]) -> bool:
    """Tell whether a secret may be sent to an address.

    Args:
        url: Address as it is about to be asked.
        domains: Hosts that may see the secret; one that begins with a dot stands for all hosts below it.
    """
    host = _written_host(url)
    if host is None or not any(host.endswith(name) if name[0] == "." else host == name for name in domains):
        return False
    return _prepared_host(url) == host


def trusted_host(url: str, domains: tuple[str, ...]) -> str | None:
    """Return the host of an address in lower case where ``is_trusted`` holds, else None."""
    return _written_host(url) if is_trusted(url, domains) else None


def is_bucket_name(name: str) -> bool:
    """Tell whether a text can be the name of a bucket: it becomes part of an address that is signed with keys."""
    return _BUCKET.fullmatch(name) is not None and ".." not in name


def _written_host(url: str) -> str | None:
    match = _AUTHORITY.match(url)
    if match is None or _UNSAFE.search(url):
        return None
    host = match[1].lower()
    return host if _HOST.fullmatch(host) and "xn--" not in host else None


def _prepared_host(url: str) -> str | None:
    """Return the host that the HTTP library will connect to."""
    import requests
    from urllib3.exceptions import LocationParseError
    from urllib3.util import parse_url

    try:
        prepared = requests.Request("GET", url).prepare().url or ""
        connected = parse_url(prepared)
    except (requests.RequestException, LocationParseError, ValueError):
        return None
    return connected.host if connected.auth is None and _written_host(prepared) == connected.host else None
