"""Granules of tracks, and any other HDF5, as xarray trees: beam by beam without padding, one granule or several."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.config import requests_at_once
from stacaster.errors import UnknownProductError, UsageError, nearest
from stacaster.instruments import icesat2
from stacaster.model.checked import checked

if TYPE_CHECKING:
    import xarray as xr

    from stacaster.model import Granule, GranuleFile, OpenTracks
    from stacaster.network.remote import RemoteFile

    Source = str | os.PathLike[str] | Granule | GranuleFile | RemoteFile

_READS = 4
_EPOCH_WORDS = "2018-01-01"
_NUMBERS = "iufb"
_SHOWN = 12


@checked
def read_tracks(
    source: Source | Sequence[Source],
    variables: str | Sequence[str] = (),
    *,
    beams: str | Sequence[str] = (),
    rows: slice | None = None,
) -> xr.DataTree:
    """Read datasets of granules of tracks, or of any HDF5 file: one node a beam, each as long as its beam.

    Args:
        source: HDF5 file of ICESat-2, GEDI or another, its address, granule of a search, or what ``open_remote`` gave:
            then only the chunks that are needed are moved, several at once. A list of these makes a node a granule,
            with its beams below.
        variables: Patterns of paths below a beam, such as ``heights/h_ph`` or ``land_segments/canopy/*``, or from the
            top of the file, such as ``/gt1l/heights/h_ph`` or ``/orbit_info/sc_orient``; empty takes the columns of the
            product's tables.
        beams: ``gt1l`` ..., or ``BEAM0101`` ...; empty takes all.
        rows: First and last + 1 of every dataset; None takes all.

    Returns:
        Tree with the beams (or other groups) as nodes. Datasets of one length share a dimension; missing values are NaN
        (of whole numbers too, which become float64), times are UTC.

    Raises:
        ReadError: A file cannot be read.
        UsageError: No dataset fits a pattern, there is no such beam, or a file of no known product needs ``variables``.
        AuthError, FetchError: The provider refuses.
    """
    import xarray as xr

    for entry in source if isinstance(source, (list, tuple)) else [source]:
        if not isinstance(entry, (str, os.PathLike)) and not hasattr(entry, "files") and not hasattr(entry, "read"):
            raise UsageError(f"source has {entry!r}, but files, addresses or granules are needed")
    wanted = (variables,) if isinstance(variables, str) else tuple(variables)
    named = (beams,) if isinstance(beams, str) else tuple(beams)
    tree: xr.DataTree
    if not isinstance(source, (list, tuple)):
        tree = xr.DataTree.from_dict(_nodes(source, wanted, named, rows)[1])
        return tree
    if not source:
        raise UsageError("source is an empty list; give a granule, or several")
    nodes: dict[str, xr.Dataset] = {}
    names: dict[str, int] = {}
    for entry in source:
        name, parts = _nodes(entry, wanted, named, rows)
        names[name] = names.get(name, 0) + 1
        place = name if names[name] == 1 else f"{name}_{names[name]}"
        nodes |= {f"{place}/{key}": value for key, value in parts.items()}
    tree = xr.DataTree.from_dict(nodes)
    return tree


def _nodes(
    source: Any, variables: Sequence[str], beams: Sequence[str], rows: slice | None
) -> tuple[str, dict[str, xr.Dataset]]:
    """Return the name of a granule and a dataset for each of its groups."""
    import xarray as xr

    from stacaster.formats import readers
    from stacaster.network.remote import RemoteFile, is_remote, open_remote

    remote = source if isinstance(source, RemoteFile) else open_remote(source) if is_remote(source) else None
    nodes: dict[str, xr.Dataset] = {}
    opened = readers.open_any_tracks(Path(source)) if remote is None else readers.open_remote_tracks(remote)
    with opened, ThreadPoolExecutor(1 if remote is None else requests_at_once(_READS)) as pool:
        content = opened.content
        for group, paths in _chosen(opened, variables, beams):
            jobs = {path: pool.submit(_variable, opened, group, path, rows) for path in paths}
            found = {path.replace("/", "_"): job.result() for path, job in jobs.items()}
            nodes[group or "top"] = xr.Dataset(found, attrs={"beam": group, "granule": content.name})
        return Path(content.name).stem, nodes


def _chosen(opened: OpenTracks, variables: Sequence[str], beams: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield groups and the datasets of each that are wanted.

    Raises:
        UsageError: There is no such beam, no dataset fits, or nothing says which are wanted.
    """
    known = list(opened.content.groups) or list(opened.groups())
    for beam in beams:
        if beam not in known:
            raise UsageError(f"there is no beam {beam!r} in {opened.content.name}; {nearest(beam, known)}")
    patterns = list(variables) or _usual(opened)
    groups = list(beams) or known
    others = [name for name in opened.groups() if name not in known]
    count = 0
    for group in [*groups, *others]:
        there = opened.variables(group)
        paths = [path for path in there if any(_fits(group, path, form, known, others) for form in patterns)]
        if paths:
            count += 1
            yield group, paths
        elif group in beams and not any(_is_from_top(form, [*known, *others]) for form in patterns):
            raise UsageError(f"no dataset of {group} in {opened.content.name} is called {', '.join(variables)}")
    if not count:
        raise UsageError(f"no dataset of {opened.content.name} is called {', '.join(patterns)}")


def _usual(opened: OpenTracks) -> list[str]:
    """Return the columns of the product's tables."""
    from stacaster import products

    try:
        product = products.recognise(opened.content)
    except UnknownProductError:
        listed = [f"{group}/{path}".strip("/") for group in opened.groups() for path in opened.variables(group)]
        more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
        raise UsageError(
            f"{opened.content.name} is of no product with tables; name variables, such as "
            f"{', '.join(listed[:_SHOWN])}{more} ('stacaster variables' lists them)"
        ) from None
    return [name for table in product.tables for name in
            (table.time, table.longitude, table.latitude, *(column.path for column in table.columns))]  # fmt: skip


def _is_from_top(form: str, groups: Sequence[str]) -> bool:
    return form.startswith("/") or any(fnmatch.fnmatch(name, form.partition("/")[0]) for name in groups if name)


def _fits(group: str, path: str, form: str, known: Sequence[str], others: Sequence[str]) -> bool:
    if _is_from_top(form, [*known, *others]):
        return fnmatch.fnmatch(f"{group}/{path}".strip("/"), form.strip("/"))
    return group in known and fnmatch.fnmatch(path, form)


def _variable(
    opened: OpenTracks, beam: str, name: str, rows: slice | None
) -> tuple[tuple[str, ...], Any, dict[str, Any]]:
    """Return dimensions, values and attributes of a dataset."""
    shape: Mapping[str, Any] = opened.variables(beam)
    length = shape[name][0][0]
    start, stop, step = (rows or slice(None)).indices(length)
    if step != 1:
        raise UsageError("rows has a step, but whole runs of rows are read")
    values, none = opened.read(beam, name, slice(start, max(start, stop)))
    if none is not None and values.dtype.kind in _NUMBERS:
        values = np.where(none, np.nan, values.astype("f4" if values.dtype == "f4" else "f8"))
    words, unit = opened.text(beam, name)
    is_time = name.rpartition("/")[2] == "delta_time" and _counts_from_2018(opened, unit)
    if is_time:
        times = icesat2.microseconds(np.nan_to_num(values), icesat2.epoch_of(opened.content))
        values = np.where(np.isnan(values), np.datetime64("NaT"), times).astype("datetime64[ns]")
    # Datasets of one length share a dimension, also where rows were chosen.
    along = f"{name.split('/', maxsplit=1)[0]}_{length}" if "/" in name else f"rows_{length}"
    attributes = {key: value for key, value in (("long_name", words), ("units", unit)) if value}
    dimensions = (along, *(f"column_{size}" for size in values.shape[1:]))
    return dimensions, values, {} if is_time else attributes


def _counts_from_2018(opened: OpenTracks, unit: str | None) -> bool:
    """Tell whether seconds count from the epoch of ICESat-2 and GEDI."""
    if unit is not None and "since" in unit:
        return _EPOCH_WORDS in unit
    return icesat2.is_track(opened.content)
