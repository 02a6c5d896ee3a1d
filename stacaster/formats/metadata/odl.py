"""Object Description Language (ODL) as NASA's ECS and HDF-EOS2 files use it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from stacaster.model.metadata import OdlObject

_TOKEN = re.compile(r"([A-Za-z_][\w.\-]*)\s*=\s*(.*)", re.DOTALL)
# A long text goes on in the next line: its own blanks stand before the break, the indentation after it.
_WRAPPED = re.compile(r"\r?\n\s*")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eEdD][+-]?\d+)?")
_MARKS = re.compile(r'["(){}]')
_MAX_DEPTH = 64


class OdlError(ValueError):
    """The text is not ODL; the message gives the line."""


@dataclass
class _Frame:
    name: str
    is_object: bool
    object_class: str | None = None
    value: Any = None
    has_value: bool = False


def parse_odl(text: str, *, document: str = "") -> list[OdlObject]:
    """Parse ODL text into its objects, in file order.

    Args:
        text: The text; NUL padding and everything after the final ``END`` is ignored.
        document: Name that goes into every object.

    Returns:
        One entry for every object that has a value, and for every plain assignment within a group other
        than the bookkeeping keys ``GROUPTYPE``, ``NUM_VAL`` and ``CLASS``.

    Raises:
        OdlError: Groups do not close in order, or a statement has no ``=``.
    """
    found: list[OdlObject] = []
    stack: list[_Frame] = []
    for number, written in _statements(text):
        # Some archives end every statement with a semicolon.
        statement = written.rstrip("; \t")
        if statement == "END":
            break
        match = _TOKEN.fullmatch(statement)
        if match is None:
            raise OdlError(f"line {number}: {statement[:60]!r} is not of the form KEY = value")
        key, raw = match.group(1).upper(), match.group(2)
        if key in ("GROUP", "OBJECT"):
            if len(stack) >= _MAX_DEPTH:
                raise OdlError(f"line {number}: more than {_MAX_DEPTH} nested groups")
            stack.append(_Frame(name=raw, is_object=key == "OBJECT"))
        elif key in ("END_GROUP", "END_OBJECT"):
            found.extend(_close(stack, raw, number, document))
        elif stack:
            found.extend(_assign(stack, match.group(1), raw, document))
    if stack:
        raise OdlError(f"{'OBJECT' if stack[-1].is_object else 'GROUP'} {stack[-1].name} is never closed")
    return found


def _assign(stack: list[_Frame], key: str, raw: str, document: str) -> list[OdlObject]:
    top = stack[-1]
    name = key.upper()
    if name == "CLASS":
        top.object_class = str(_parse_value(raw))
    elif name == "VALUE" and top.is_object:
        top.value, top.has_value = _parse_value(raw), True
    elif name not in ("NUM_VAL", "GROUPTYPE"):
        path = tuple(frame.name for frame in stack)
        return [OdlObject(name=key, value=_parse_value(raw), path=path, document=document)]
    return []


def _close(stack: list[_Frame], raw: str, number: int, document: str) -> list[OdlObject]:
    if not stack or stack[-1].name != raw:
        opened = stack[-1].name if stack else "nothing"
        raise OdlError(f"line {number}: {raw} is closed, but {opened} is open")
    frame = stack.pop()
    if not frame.has_value:
        return []
    inherited = next((item.object_class for item in reversed(stack) if item.object_class is not None), None)
    return [
        OdlObject(
            name=frame.name,
            value=frame.value,
            object_class=frame.object_class if frame.object_class is not None else inherited,
            path=tuple(item.name for item in stack),
            document=document,
        )
    ]


def _statements(text: str) -> list[tuple[int, str]]:
    """Return the logical lines with their numbers: a statement goes on while a string or a bracket is open."""
    statements: list[tuple[int, str]] = []
    pending: list[str] = []
    start, quoted, depth = 0, False, 0
    for number, line in enumerate(text.split("\0", 1)[0].splitlines(), start=1):
        if not pending:
            if not line.strip():
                continue
            start = number
        pending.append(line)
        quoted, depth = _scan(line, quoted, depth)
        if not quoted and depth <= 0 and not line.rstrip().endswith("="):
            statements.append((start, "\n".join(pending).strip()))
            pending, depth = [], 0
    if pending:
        raise OdlError(f"line {start}: a string or bracket is never closed: {pending[0].strip()[:60]!r}")
    return statements


def _scan(line: str, quoted: bool, depth: int) -> tuple[bool, int]:
    """Return whether a string is open, and how many brackets, after a line."""
    for char in _MARKS.findall(line):
        if char == '"':
            quoted = not quoted
        elif not quoted:
            depth += 1 if char in "({" else -1
    return quoted, depth


def _parse_value(raw: str) -> Any:
    text = raw.strip()
    if text[:1] in "({" and text[-1:] in ")}" and len(text) >= 2:
        return tuple(_parse_value(part) for part in _split(text[1:-1]))
    if text.startswith('"'):
        return _WRAPPED.sub("", text.strip('"')).strip()
    if _NUMBER.fullmatch(text):
        try:
            return int(text)
        except ValueError:
            return float(text.replace("d", "e").replace("D", "e"))
    return text


def _split(text: str) -> list[str]:
    """Split at commas outside strings and nested brackets."""
    parts: list[str] = []
    current = ""
    quoted = False
    depth = 0
    for char in text:
        if char == '"':
            quoted = not quoted
        elif not quoted:
            depth += {"(": 1, "{": 1, ")": -1, "}": -1}.get(char, 0)
        if char == "," and not quoted and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += char
    if current.strip() or parts:
        parts.append(current)
    return parts
