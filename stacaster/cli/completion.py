"""Completion of values in shells: bands, regions, indices, products ...; commands and options click does itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    _Text = click.ParamType[str]
else:
    _Text = click.ParamType  # which old versions of click cannot subscript

Words = Callable[[click.Context], Iterable[str]]


def _bands(_: click.Context) -> Iterable[str]:
    from stacaster.products import all_products

    names = {band.name for product in all_products().values() for band in product.bands}
    return sorted(names | {"blue", "green", "red", "nir", "swir16"})


def _products(_: click.Context) -> Iterable[str]:
    from stacaster.products import all_products

    return sorted({product.short_name for product in all_products().values()})


def _indices(_: click.Context) -> Iterable[str]:
    from stacaster.analysis.indices.table import all_indices

    return sorted(all_indices())


def _regions(_: click.Context) -> Iterable[str]:
    from stacaster.geo.regions import REGIONS

    return REGIONS


def _units(_: click.Context) -> Iterable[str]:
    from stacaster.model.options import UNITS

    return UNITS


def _masks(_: click.Context) -> Iterable[str]:
    from stacaster.analysis.masks import MASKS

    return MASKS


def _resamplings(_: click.Context) -> Iterable[str]:
    from stacaster.geo.grid_input import RESAMPLINGS

    return RESAMPLINGS


def _composites(_: click.Context) -> Iterable[str]:
    from stacaster.analysis.composites import METHODS

    return (*METHODS, "p10", "p90")


def _collections(context: click.Context) -> Iterable[str]:
    from stacaster.catalog import open_catalog
    from stacaster.config import catalog_place
    from stacaster.errors import StacasterError

    try:
        return open_catalog(catalog_place(context.params.get("catalog"))).collections
    except StacasterError:
        return ()


_BY_NAME: dict[str, Words] = {
    "bands": _bands, "product": _products, "index": _indices, "region": _regions, "units": _units, "mask": _masks,
    "resampling": _resamplings, "composite": _composites, "collection": _collections,
    "groupby": lambda _: ("time", "solar_day", "id"), "period": lambda _: ("day", "month", "season", "year"),
    "source": lambda _: ("cmr", "asf", "planetary-computer", "earth-search"),
    "profile": lambda _: ("zstd", "deflate"), "grid": lambda _: ("degree", "mercator", "utm", "mgrs"),
    "format": lambda _: ("cog", "netcdf", "zarr"), "subsystem": lambda _: ("VNIR", "SWIR", "TIR"),
    "crs": lambda _: ("EPSG:4326", "EPSG:3577", "EPSG:32754", "utm"),
}  # fmt: skip
_FILES = {"output", "files", "catalog", "intersects", "areas", "cache_dir", "directory", "points", "recipe", "config"}
_OF_ARGUMENTS: dict[tuple[str, str], Words] = {
    ("compute", "name"): _indices, ("show", "name"): _indices, ("composite", "method"): _composites,
}  # fmt: skip


class SuggestedText(_Text):
    """A text whose possible values a shell suggests; any other is taken as well."""

    name = "text"

    def __init__(self, words: Words) -> None:
        self._words = words

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002
        """Return the text as it is."""
        return str(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002
        """Return the values that begin as the text does; after a comma those of the next name."""
        before, comma, last = incomplete.rpartition(",")
        words = self._words(ctx)
        return [CompletionItem(f"{before}{comma}{word}") for word in words if word.lower().startswith(last.lower())]


def suggest_values(group: click.Group) -> None:
    """Give every option and argument of text the values that a shell may suggest; nothing is imported for it."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            suggest_values(command)
        for param in command.params:
            words = _OF_ARGUMENTS.get((name, param.name or "")) or _BY_NAME.get(param.name or "")
            if param.type is not click.STRING or (isinstance(param, click.Argument) and words is None):
                continue
            if words is not None and not getattr(param, "is_flag", False):
                param.type = SuggestedText(words)
            elif param.name in _FILES:
                param.type = _Path()


class _Path(_Text):
    """A text that names a file or folder, which the shell completes by itself."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002
        """Return the text as it is."""
        return str(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002
        """Leave it to the shell."""
        return [CompletionItem(incomplete, type="file")]


@click.command(epilog="\b\nExamples:\n  stacaster completion bash > ~/.stacaster-complete.bash   # then source it\n"
               "  stacaster completion fish > ~/.config/fish/completions/stacaster.fish")  # fmt: skip
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a script that makes a shell complete commands, options and values such as bands and regions."""
    from click.shell_completion import get_completion_class

    from stacaster.cli import cli

    kind = get_completion_class(shell)
    assert kind is not None
    made = kind(cli, {}, "stacaster", "_STACASTER_COMPLETE")
    # ``source`` starts bash to look at its version; the script is the same for all that work.
    click.echo(made.source_template % made.source_vars())
