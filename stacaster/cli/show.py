"""How results reach the terminal: data on standard output, words and progress on standard error."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stacaster import errors
from stacaster.cli.terminal import raw_stderr
from stacaster.files.plain_text import plain_text

if TYPE_CHECKING:
    from stacaster.catalog import Catalog
    from stacaster.model import Granule, Outcome, Report

_WIDTH = 60


def opened(catalog: str | None, *, damaged: bool = False) -> Catalog:
    """Open the catalog that an option or the environment names; for ``info`` also a damaged one."""
    import stacaster
    from stacaster.config import catalog_place

    return stacaster.open_catalog(catalog_place(catalog), damaged=damaged)


def rows(found: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool) -> None:
    """Print rows as JSON, as a table on a terminal, or as tab-separated text into a pipe."""
    if as_json:
        click.echo(json.dumps(list(found), indent=2, default=_plain))
        return
    texts = [[_text(row.get(column)) for column in columns] for row in found]
    if not sys.stdout.isatty():
        click.echo("\t".join(columns))
        for line in texts:
            click.echo("\t".join(line))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for line in texts:
        table.add_row(*(Text(cell) for cell in line))
    Console().print(table)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        return " ".join(_text(item) for item in value)
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    return plain_text(str(value))


def _plain(value: Any) -> Any:
    if isinstance(value, (dt.datetime, dt.date)):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Decimal):
        return float(value)
    return str(value)


@contextmanager
def _bar() -> Iterator[Any]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(file=raw_stderr())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield bar


@contextmanager
def ingest_progress(word: str = "ingest") -> Iterator[Callable[[int, int, Outcome], None]]:
    """Show a bar on a terminal; failures are printed at once, also into a log."""
    with _bar() as bar:
        task = bar.add_task(word, total=None)

        def advance(done: int, total: int, outcome: Outcome) -> None:
            bar.update(task, completed=done, total=total, description=plain_text(f"{word} {outcome.granule[:_WIDTH]}"))
            if outcome.status == "failed":
                text = plain_text(f"failed {outcome.granule}: {outcome.reason}")
                bar.console.print(text, markup=False, highlight=False, soft_wrap=True)

        yield advance


@contextmanager
def count_progress(word: str) -> Iterator[Callable[[int, int, str], None]]:
    """Show a bar that counts files."""
    with _bar() as bar:
        task = bar.add_task(word, total=None)

        def advance(done: int, total: int, name: str) -> None:
            bar.update(task, completed=done, total=total, description=plain_text(f"{word} {name[:_WIDTH]}"))

        yield advance


@contextmanager
def fetch_progress(granules: Iterable[Granule]) -> Iterator[Callable[[str, int, int | None], None]]:
    """Show a bar for all bytes together and one for each file on its way: bytes, speed, time left."""
    from threading import Lock

    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(file=raw_stderr())
    sizes = [granule.size for granule in granules]
    total = None if None in sizes else sum(size for size in sizes if size is not None)
    done: dict[str, int] = {}
    lock = Lock()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("fetch", total=total)
        files: dict[str, TaskID] = {}

        def advance(name: str, size: int, whole: int | None) -> None:
            with lock:
                done[name] = size
                bar.update(task, completed=sum(done.values()))
                if name not in files:
                    files[name] = bar.add_task(plain_text(name[-_WIDTH:]), total=whole)
                bar.update(files[name], completed=size, total=whole, visible=size != whole)

        yield advance


@contextmanager
def step_progress() -> Iterator[Callable[[str, str, int, int | None], None]]:
    """Show a bar for each file that is downloaded, and one for each other step."""
    from threading import Lock

    lock, tasks = Lock(), {}
    with _bar() as bar:

        def advance(step: str, name: str, done: int, total: int | None) -> None:
            key = name if step in ("download", "dem") else step
            with lock:
                if key not in tasks:
                    tasks[key] = bar.add_task(plain_text(f"{step} {name[-_WIDTH:]}"), total=total)
                bar.update(tasks[key], completed=done, total=total, visible=done != total)

        yield advance


def report(found: Report, *, dry_run: bool) -> None:
    """Say in a line what became of the granules, and repeat what a user has to know."""
    counts = found.to_dict()["counts"]
    words = ", ".join(f"{number} {name}" for name, number in counts.items() if number) or "nothing"
    if dry_run:
        for outcome in found.outcomes:
            click.echo(f"{outcome.granule}: {outcome.reason or outcome.status}", err=True)
        words = f"dry run, nothing was written; {words}"
    for outcome in (*found.ingested, *found.added, *found.replaced):
        for note in outcome.notes:
            if "contradicts" in note or "not checked" in note:
                click.echo(f"note on {outcome.item_id}: {note}", err=True)
    click.echo(words, err=True)


def outcome(found: Report, *, as_json: bool, dry_run: bool) -> int:
    """Print a report as every command that fills a catalog does; return the exit code."""
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=2))
    report(found, dry_run=dry_run)
    return exit_code(found)


def exit_code(found: Report) -> int:
    """Return 0, 8 when space ran out, 4 when some granules failed, or the code of the error when all did."""
    return code_of_failures([item.error for item in found.failed], len(found.outcomes))


def code_of_failures(classes: Sequence[str | None], total: int) -> int:
    """Return the exit code for failures by their error classes, among ``total`` granules."""
    if not classes:
        return 0
    if errors.SpaceError.__name__ in classes:
        # What failed for another reason can wait until there is space.
        return errors.SpaceError.exit_code
    if len(classes) < total:
        return errors.PARTIAL_EXIT_CODE
    codes = {getattr(getattr(errors, name or "", None), "exit_code", 1) for name in classes}
    return codes.pop() if len(codes) == 1 else errors.PARTIAL_EXIT_CODE


def nothing(words: str) -> int:
    """Say that nothing was found; return the exit code for it."""
    click.echo(words, err=True)
    return errors.NothingFoundError.exit_code


def written(path: Path) -> None:
    """Say which file was written."""
    click.echo(f"wrote {path}", err=True)
