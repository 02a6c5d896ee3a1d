"""The ``stacaster`` command: each command is the twin of a public function. Only this package prints."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from stacaster.cli.commands import COMMANDS
from stacaster.cli.completion import completion, suggest_values
from stacaster.cli.groups import GroupedCommands
from stacaster.cli.messages import command_of, error_text, plain_warnings
from stacaster.cli.terminal import safe_streams
from stacaster.config import __version__
from stacaster.errors import (
    INTERRUPTED_EXIT_CODE,
    PARTIAL_EXIT_CODE,
    CatalogError,
    NothingFoundError,
    SpaceError,
    StacasterError,
    UsageError,
    is_space_error,
)

_EPILOG = """\b
Examples:
  stacaster sample-data granules
  stacaster ingest granules --catalog catalogs/demo
  stacaster sql --catalog catalogs/demo "select id, datetime, cloud_cover from items"
  stacaster index compute ndvi -o ndvi.nc --catalog catalogs/demo --datetime 2003

\b
Exit codes: 0 done, 1 error, 2 wrong usage, 3 nothing found, 4 some granules failed,
5 authentication, 6 network, 7 damaged data, 8 no space or memory, 130 interrupted.
"""


@click.group(
    cls=GroupedCommands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=_EPILOG,
)
@click.version_option(__version__, prog_name="stacaster")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def cli(context: click.Context, debug: bool) -> None:
    """Granules in, a truthful STAC catalog out, cubes from it."""
    context.obj = {"debug": debug}


for _command in (*COMMANDS, completion):
    cli.add_command(_command)
suggest_values(cli)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with one of the documented codes."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    command = command_of(cli, given)
    with safe_streams(), _noted_interrupt() as interrupted, plain_warnings(command) as left_out:
        code = _run(given, command)
        if interrupted and code not in (0, INTERRUPTED_EXIT_CODE):
            # A library made an error of its own of it, such as DuckDB.
            code = _interrupted()
    if left_out:
        code = {0: PARTIAL_EXIT_CODE, NothingFoundError.exit_code: CatalogError.exit_code}.get(code, code)
    sys.exit(code)


def _interrupted() -> int:
    click.echo("interrupted; the same command goes on where this one stopped", err=True)
    return INTERRUPTED_EXIT_CODE


@contextmanager
def _noted_interrupt() -> Iterator[list[int]]:
    """Give a list that is filled by Ctrl-C; the second one ends the program at once."""
    caught: list[int] = []

    def note(number: int, _: object) -> None:
        caught.append(number)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        raise KeyboardInterrupt

    usual = signal.getsignal(signal.SIGINT)
    if usual is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield caught
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield caught
    finally:
        if not caught:
            signal.signal(signal.SIGINT, usual)


def _run(arguments: list[str], command: click.Command) -> int:  # noqa: PLR0911 - one exit code a line
    if "--debug" in arguments:
        return int(cli.main(args=arguments, prog_name="stacaster", standalone_mode=False) or 0)
    try:
        return int(cli.main(args=arguments, prog_name="stacaster", standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return _interrupted()
    except StacasterError as error:
        click.echo(f"Error: {error_text(error, command)}", err=True)
        return error.exit_code
    except (OSError, MemoryError) as error:
        click.echo(f"Error: {error or type(error).__name__}", err=True)
        return SpaceError.exit_code if is_space_error(error) else 1
    except RecursionError:
        click.echo("Error: something that was given is nested too deeply", err=True)
        return UsageError.exit_code
    except Exception as error:  # noqa: BLE001 - the border: reported with its class, --debug shows the traceback
        text = f"Error: unexpected {type(error).__name__}: {error}; 'stacaster --debug ...' shows where it happened"
        click.echo(text, err=True)
        return 1
