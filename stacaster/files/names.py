"""Names from outside as file names that stay inside a catalog."""

from __future__ import annotations

import datetime as dt
import hashlib
import re

_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,119}")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_HASHED = re.compile(r".*-[0-9a-f]{16}", re.DOTALL)
_RESERVED = {"con", "prn", "aux", "nul", *(f"{n}{i}" for n in ("com", "lpt") for i in range(1, 10))}


def safe_id(name: str) -> str:
    """Return a form of a name that is safe as file name and STAC id; different names never give the same.

    Names of letters, digits, ``.``, ``_`` and ``-`` with at most 120 characters stay as they are; others get the
    beginning of the SHA-256 of the name appended.
    """
    stem = name.split(".", 1)[0].lower()
    # A name that already ends like a hash gets one too: otherwise it could equal the safe form of another.
    looks_hashed = _HASHED.fullmatch(name) is not None
    if _SAFE.fullmatch(name) and stem not in _RESERVED and not name.endswith(".") and not looks_hashed:
        return name
    readable = _UNSAFE.sub("-", name).strip("-.")[:80].rstrip("-.") or "item"
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"item-{readable}-{digest}" if readable.split(".", 1)[0].lower() in _RESERVED else f"{readable}-{digest}"


def item_folder(collection: str, moment: dt.datetime, item_id: str) -> str:
    """Return the folder of an item relative to the root: ``<collection>/<year>/<item>``."""
    return f"{collection}/{moment.astimezone(dt.UTC).year:04d}/{item_id}"
