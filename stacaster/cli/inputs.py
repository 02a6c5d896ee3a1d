"""What several commands ask before they begin: whether a file may be written, which granules are meant."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from stacaster.access.search import GranuleSearch


def require_free(output: str, overwrite: bool) -> None:
    """Refuse a file that exists.

    Raises:
        click.UsageError: It does, and --overwrite was not given.
    """
    if Path(output).exists() and not overwrite:
        raise click.UsageError(f"{output} exists; --overwrite replaces it")


def searched(product: str | None, conditions: dict[str, Any]) -> GranuleSearch:
    """Return the granules of a search, or those of the file of an earlier one that stands for the product."""
    import stacaster
    from stacaster.access.search.granule_files import is_granule_file, read_granules

    if product is not None and is_granule_file(product):
        return stacaster.access.GranuleSearch(tuple(read_granules(product)))
    return stacaster.search(product, **conditions)


def with_downloads(files: tuple[str, ...], cache_dir: str | None) -> tuple[list[str], list[Any]]:
    """Return files of granules, and what could not be downloaded: files of searches are fetched first."""
    import stacaster
    from stacaster.access.search.granule_files import is_granule_file, read_granules
    from stacaster.cli import show

    paths: list[str] = []
    failed: list[Any] = []
    for name in files:
        if not is_granule_file(name):
            paths.append(name)
            continue
        granules = read_granules(name)
        with show.fetch_progress(granules) as progress:
            report = stacaster.fetch(granules, cache_dir=cache_dir, progress=progress)
        paths += sorted({str(path.parent) for path in report.files})
        failed += report.failed
    return paths, failed
