"""Arguments of public functions, checked at the door by their annotations: flags, paths, counts, tables, callbacks.

Decision: the annotation is the one definition of a plain argument. What needs more than its type (times, areas, bands)
is read by the validator of that kind; this module knows only types that say all there is to say.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from stacaster.errors import UsageError, nearest
from stacaster.model.values import read_count, read_flag, read_number, shortened

P = ParamSpec("P")
R = TypeVar("R")

_FROM_ZERO = frozenset({"thumbnails", "lead_s", "time", "limit", "keep_bytes"})
"""Counts that may be 0 as far as the type says."""
_OWN = frozenset({"chunks", "cloud_cover_max", "files", "filter", "radius", "region", "resampling"})
"""Arguments that take more than their annotation says, and say themselves what they take."""


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Return a function that refuses wrong arguments with a ``UsageError`` before it does anything.

    An argument that the function does not have, one that is missing, and a value of another type than the annotation
    of a plain argument says are refused; numbers and flags may be given as NumPy scalars, numbers as text, a
    ``Catalog`` as the folder of it.

    Args:
        function: A public function with annotations as text.
    """
    signature = inspect.signature(function)
    takes_all = any(entry.kind is entry.VAR_KEYWORD for entry in signature.parameters.values())
    kinds = {
        name: _split(str(entry.annotation))
        for name, entry in signature.parameters.items()
        if entry.kind in (entry.POSITIONAL_OR_KEYWORD, entry.KEYWORD_ONLY) and name not in ("self", "cls")
    }

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        for name in kwargs if not takes_all else ():
            if name not in signature.parameters:
                raise UsageError(f"{function.__name__} has no option {name!r}; {nearest(name, sorted(kinds))}")
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise UsageError(f"{function.__name__}: {error}{_positions(signature, args)}") from error
        for name, kind in kinds.items():
            if name in bound.arguments:
                bound.arguments[name] = read_argument(name, bound.arguments[name], kind)
        return function(*bound.args, **bound.kwargs)

    return run


def _positions(signature: inspect.Signature, args: tuple[Any, ...]) -> str:
    """Return words on what goes without a name, where too many arguments have none."""
    names = [name for name, entry in signature.parameters.items() if entry.kind is entry.POSITIONAL_OR_KEYWORD]
    if len(args) <= len(names):
        return ""
    return f"; without a name go {', '.join(names) or 'none'}, all others are given as name=value"


def check_options(options: Mapping[str, Any], annotations: Mapping[str, str]) -> None:
    """Refuse values of options that are of another type than their annotation says.

    Args:
        options: What was given.
        annotations: Annotation of each known option, as text.

    Raises:
        UsageError: There is one.
    """
    for name, value in options.items():
        if name in annotations and value is not None:
            read_argument(name, value, _split(annotations[name]))


def read_argument(name: str, value: Any, kinds: tuple[str, ...]) -> Any:
    """Return the value of an argument as its function takes it; as it is where its annotation does not say all.

    Args:
        name: Of the argument.
        value: What was given.
        kinds: Parts of the annotation.

    Raises:
        UsageError: It is of another type.
    """
    rest = [kind for kind in kinds if kind != "None"]
    if "Catalog" in rest and hasattr(value, "root"):
        return value
    if "os.PathLike[str]" in rest or "PathLike" in rest:
        rest = [kind for kind in rest if kind != "str"]
    if name == "progress" and value is not None and not callable(value):
        raise UsageError(f"progress is {_cut(value)}, but a function is needed")
    if value is None and "None" in kinds:
        return None
    readers = [_READERS.get(kind.partition("[")[0] if kind not in _READERS else kind) for kind in rest]
    if not rest or name in _OWN or any(reader is None for reader in readers):
        return value
    if len(readers) == 1 and readers[0] is not None:
        return readers[0](name, value)
    errors = []
    for reader in readers:
        try:
            return reader(name, value) if reader is not None else value
        except UsageError as error:
            errors.append(error)
    # What most people give comes first.
    raise errors[0]


def _split(annotation: str) -> tuple[str, ...]:
    """Return the parts of ``A | B[C | D] | None``."""
    text = annotation.strip().strip("'\"")
    if text.startswith("NotRequired["):
        text = text[len("NotRequired[") : -1]
    parts, depth, current = [], 0, ""
    for sign in text:
        depth += (sign in "[(") - (sign in "])")
        if sign == "|" and depth == 0:
            parts.append(current.strip())
            current = ""
        else:
            current += sign
    return (*parts, current.strip())


def _path(name: str, value: Any) -> Any:
    """Return a path as it was given; of a catalog that was opened its folder or address."""
    if hasattr(value, "root") and hasattr(value, "objects"):
        value = os.fspath(value)
    if not isinstance(value, (str, os.PathLike)) or not os.fspath(value):
        raise UsageError(f"{name} is {_cut(value)}, but the path of a file or folder is needed")
    if not str(value).startswith("~"):
        return value
    try:
        # No shell is between: a folder called "~" would be made.
        path = Path(value).expanduser()
    except RuntimeError as error:
        raise UsageError(f"{name} is {_cut(value)}, but there is no such user") from error
    return str(path) if isinstance(value, str) else path


def _count(name: str, value: Any) -> int:
    return read_count(name, value, low=0 if name in _FROM_ZERO else 1)


def _reader(fits: Callable[[Any], bool], needed: str) -> Callable[[str, Any], Any]:
    """Return a reader that takes values that fit as they are, and says what is needed of others."""

    def read(name: str, value: Any) -> Any:
        if not fits(value):
            raise UsageError(f"{name} is {_cut(value)}, but {needed} is needed")
        return value

    return read


def _with(*attributes: str) -> Callable[[Any], bool]:
    """Return a test for attributes: a type that is heavy to import is known by what it has."""
    return lambda value: all(hasattr(value, name) for name in attributes)


def _granules(name: str, value: Any) -> Any:
    """Return granules as they are; a list is looked into, what can be read once is not."""
    _several(name, value)
    entries = value if isinstance(value, (list, tuple)) else ()
    wrong = next((entry for entry in entries if not hasattr(entry, "geometry") or not hasattr(entry, "files")), None)
    is_catalog = hasattr(value, "sql") or hasattr(value, "to_table")
    if wrong is not None or is_catalog:
        what = value if wrong is None else wrong
        raise UsageError(f"{name}: {_cut(what)} is no granule; stacaster.search gives granules")
    return value


_cut = functools.partial(shortened, most=60)
_function = _reader(callable, "a function")
_several = _reader(lambda value: isinstance(value, Iterable) and not isinstance(value, (str, bytes)), "a list")
_cube = _reader(_with("dims", "coords"), "a cube (xarray Dataset or DataArray)")
_table = _reader(_with("columns", "iloc"), "a table of pandas")

_READERS: dict[str, Callable[[str, Any], Any]] = {
    "bool": read_flag, "int": _count, "float": read_number, "os.PathLike[str]": _path, "PathLike": _path,
    "Catalog": _path, "Callable": _function, "Progress": _function, "Sequence": _several, "Iterable": _several,
    "pd.DataFrame": _table, "gpd.GeoDataFrame": _table, "xr.Dataset": _cube, "xr.DataArray": _cube,
    "Iterable[Granule]": _granules,
    "str": _reader(lambda value: isinstance(value, str), "a text"),
    "Mapping": _reader(lambda value: isinstance(value, Mapping), "a table of names and values"),
    "GeoBox": _reader(_with("crs", "shape", "affine"), "a GeoBox of odc-geo, as Catalog.geobox gives it,"),
    "GranuleSearch": _reader(_with("granules"), "the result of a search"),
    "Cluster": _reader(_with("executor"), "a stacaster.executors.Cluster"),
    "ThreadPoolExecutor": _reader(_with("submit"), "a ThreadPoolExecutor"),
}  # fmt: skip
"""What each plain part of an annotation takes; an annotation with any other part is left to its own validator."""
