"""Messages of the package as the command line says them: options as they are written there, warnings as one line."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

import click

from stacaster.errors import LeftOutWarning, StacasterWarning

_OPTION = re.compile(r"\b(?P<name>[a-z][a-z_0-9]*)=(?P<value>'[^']*'|\"[^\"]*\"|[^\s,;:)]+)?")
_SUBJECT = re.compile(r"(?P<name>[a-z][a-z_]*)(?: is |: )")
_OTHERS = {"collections": "collection", "group_by": "groupby", "items": "catalog"}


def command_of(group: click.Group, arguments: Sequence[str]) -> click.Command:
    """Return the command that arguments name; the group itself where they name none."""
    found: click.Command = group
    for word in arguments:
        if not isinstance(found, click.Group):
            break
        if word in found.commands:
            found = found.commands[word]
    return found


def as_options(text: str, command: click.Command) -> str:
    """Return a message with ``name=value`` as ``--name value``, where a command has such an option."""
    flags = {param.name: max(param.opts, key=len) for param in command.params if isinstance(param, click.Option)}

    def written(match: re.Match[str]) -> str:
        name = _OTHERS.get(match["name"], match["name"])
        flag = flags.get(name) or flags.get(match["name"])
        if flag is None:
            return match[0]
        value = match["value"]
        if value in (None, "True", "False", "None"):
            return flag
        plain = value[1:-1] if value[:1] in "'\"" else value
        return f"{flag} {plain}" if plain and re.fullmatch(r"[\w.:,+/-]+", plain) else f"{flag} {value}"

    subject = _SUBJECT.match(text)
    if subject is not None and (flag := flags.get(_OTHERS.get(subject["name"], subject["name"]))) is not None:
        text = f"{flag}{text[subject.end('name') :]}"
    changed = _OPTION.sub(written, text)
    # Two options in a row can be pasted.
    return re.sub(r"(--[\w-]+ [^\s,]+), (?=--)", r"\1 ", changed)


@contextmanager
def plain_warnings(command: click.Command) -> Iterator[list[str]]:
    """Print each warning of the package once, as one line on standard error; others stay as they are.

    Yields:
        Texts of the warnings that say what a command leaves out of its result.
    """
    before = warnings.showwarning
    left_out: list[str] = []
    printed: set[str] = set()

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if not issubclass(category, StacasterWarning):
            before(message, category, filename, lineno, file, line)
        elif str(message) not in printed:
            printed.add(str(message))
            left_out.extend([str(message)] if issubclass(category, LeftOutWarning) else [])
            click.echo(as_options(str(message), command), err=True)

    with warnings.catch_warnings():
        warnings.simplefilter("always", StacasterWarning)
        warnings.showwarning = show
        yield left_out


def error_text(error: Any, command: click.Command) -> str:
    """Return the message of an error of the package."""
    return as_options(str(error), command)
