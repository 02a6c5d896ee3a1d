"""The ATL08 granule of the pass of an ATL03 granule: whichever revision lies at hand, and what is said of it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from stacaster.errors import UsageError
from stacaster.ingest.convert.task import ConvertTask
from stacaster.instruments.icesat2 import pass_of, release_of

if TYPE_CHECKING:
    from stacaster.model import Product

_PATTERN = "*ATL08_*.h5"


def companion(task: ConvertTask, product: Product) -> Path | None:
    """Return the ATL08 granule of the pass of an ATL03 granule; None where none is at hand and none was asked for.

    Time, track, cycle and region are the same; release and revision need not be. Of several, the release of the ATL03
    granule goes first, then its revision, then what is newest.

    Args:
        task: What is converted.
        product: What the granule is.

    Raises:
        UsageError: The user asked for classes, and no granule of this pass is at hand.
    """
    if product.short_name != "ATL03":
        return None
    own = Path(task.name)
    named = task.classes
    candidates = [] if named is None else [path for name in named for path in _granules_in(Path(name))]
    candidates += [Path(name) for name in task.pool]
    if task.files:
        candidates += sorted(own.parent.glob(_PATTERN))
    wanted = pass_of(own.name)
    fitting = [path for path in candidates if wanted is not None and pass_of(path.name) == wanted]
    if fitting:
        return max(fitting, key=lambda path: _rank(path, own))
    if named is not None:
        folders = ", ".join(named) or "the archive"
        why = f"no ATL08 granule of its pass is in {folders}"
        if wanted is None:
            why = "its name does not say its pass, so that no ATL08 granule can be found for it"
        raise UsageError(
            f"classes: {why} ({len(candidates)} ATL08 granules were looked at); names are written like "
            "ATL08_20220401221822_01501506_006_01.h5; leave classes out to take the photons without",
            granule=own.name,
        )
    return None


def note_of(own: str, path: Path) -> str:
    """Return what the item says of the granule that gave photons their classes."""
    release, theirs = release_of(own), release_of(path.name)
    differs = release is not None and theirs is not None and release != theirs
    words = f", which is {'_'.join(theirs)} beside {'_'.join(release)}" if differs and release and theirs else ""
    return f"classes of photons are those of {path.name}{words}"


def _granules_in(path: Path) -> Iterable[Path]:
    return sorted(path.rglob(_PATTERN)) if path.is_dir() else [path]


def _rank(path: Path, own: Path) -> tuple[bool, bool, tuple[str, str], bool, str]:
    theirs, mine = release_of(path.name) or ("", ""), release_of(own.name) or ("", "")
    is_whole = not path.name.startswith("processed_")
    return theirs[0] == mine[0], theirs == mine, theirs, is_whole, str(path)
