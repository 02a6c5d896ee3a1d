"""Texts of others without the characters that steer a terminal."""

from __future__ import annotations

import re

# C0 and C1 but for tab and line feed, DEL, and marks that turn the direction of what follows.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def plain_text(text: str) -> str:
    """Return a text in which characters that steer a terminal or a page are written out in ASCII."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)
