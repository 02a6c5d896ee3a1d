"""One word is one option: over all commands it takes the same kind of value, and the short form is the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import click
import pytest

from stacaster.cli import _run, cli
from stacaster.cli.messages import command_of


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from commands(child, (*path, name))
    else:
        yield " ".join(path), command


COMMANDS = dict(commands(cli))


def options_called(flag: str) -> dict[str, click.Option]:
    return {
        name: param for name, command in COMMANDS.items() for param in command.params
        if isinstance(param, click.Option) and flag in (*param.opts, *param.secondary_opts)
    }  # fmt: skip


FLAGS = sorted({
    flag for command in COMMANDS.values() for param in command.params if isinstance(param, click.Option)
    for flag in param.opts if flag.startswith("--")
})  # fmt: skip
TWO = {
    "--time": "how long a job of Slurm may take; the column of points with their time",
    "--token": "send the token of the login; the token that visitors of a server bring",
    "--months": "a season; how many months",
}
"""Options that still have two kinds of values, and which."""


@pytest.mark.parametrize("flag", FLAGS)
def test_an_option_is_a_flag_everywhere_or_nowhere(flag: str) -> None:
    found = options_called(flag)
    kinds = {name: (param.is_flag, param.nargs) for name, param in found.items()}
    assert len(set(kinds.values())) == 1 or flag in TWO, kinds


WORDS = {
    "--source": "cmr, asf, planetary-computer, earth-search, address of a STAC API, or folder of a catalog.",
    "--grid": "degree, mercator, utm, mgrs or a projected CRS. [default: degree]",
    "--name": "Granule names with * and ?.",
}


@pytest.mark.parametrize("flag", WORDS)
def test_what_an_option_means_is_said_alike(flag: str) -> None:
    assert {name: param.help for name, param in options_called(flag).items()} == dict.fromkeys(
        options_called(flag), WORDS[flag]
    )
    assert len(options_called(flag)) >= 2


def test_bands_are_repeated_or_joined_by_commas_everywhere() -> None:
    found = options_called("--bands")
    assert len(found) > 8 and all(param.multiple for param in found.values())
    assert len(options_called("--index")) > 3 and all(param.multiple for param in options_called("--index").values())


def test_o_is_the_output() -> None:
    assert {name for name, param in options_called("-o").items()} == set(options_called("--output"))
    assert len(options_called("-o")) > 14


def test_a_short_form_belongs_to_one_option() -> None:
    long: dict[str, set[str]] = defaultdict(set)
    for command in COMMANDS.values():
        for param in command.params:
            for flag in param.opts if isinstance(param, click.Option) else ():
                if not flag.startswith("--"):
                    long[flag].add(max(param.opts, key=len))
    assert {flag: names for flag, names in long.items() if len(names) > 1} == {}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("load --source --catalog nowhere", "nowhere"),
        ("check --grid --catalog nowhere", "nowhere"),
        ("tiles plan --name a --dry-run --catalog nowhere", "nowhere"),
        ("ingest nofile.hdf --grid=foo --resolution 10", "--crs is"),
        ("load --sauce", "No such option"),
    ],
)
def test_names_of_python_are_taken(words: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(words.split(), command_of(cli, words.split())) != 0
    said = capsys.readouterr().err
    assert told in said and (told == "No such option" or "No such option" not in said), said
