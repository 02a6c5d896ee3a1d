"""HDF5 files that would read other files: external links, external storage, virtual datasets.

The library follows all three without a word, to any path that the writer of the file chose. A granule that came from
elsewhere could so put a file of this machine into a band.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stacaster.errors import ReadError

if TYPE_CHECKING:
    import h5py


def require_own_data(dataset: h5py.Dataset, name: str) -> None:
    """Make sure that a dataset holds its values itself.

    Args:
        dataset: The dataset.
        name: Name of the file, for the message.

    Raises:
        ReadError: Its values lie in another file.
    """
    try:
        is_foreign = dataset.is_virtual or bool(dataset.external)
    except (OSError, RuntimeError):
        return  # Damaged: whoever reads it says so.
    if is_foreign:
        raise ReadError(
            f"{dataset.name} names another file that holds its values, and is not read: a file from elsewhere could"
            " name any file of this machine. Write the values into one file and try again",
            granule=name,
        )


def require_own_links(file: h5py.File, name: str) -> None:
    """Make sure that nothing in a file leads to another file; all groups are looked through.

    Args:
        file: The open file.
        name: Name of the file, for the message.

    Raises:
        ReadError: A link or the values of a dataset lead to another file.
    """
    import h5py

    seen: set[object] = set()
    groups = [file["/"]]
    while groups:
        group = groups.pop()
        if group.id in seen:
            continue
        seen.add(group.id)
        try:
            keys = list(group)
        except (OSError, RuntimeError):
            continue
        for key in keys:
            try:
                link = group.get(key, getlink=True)
                if isinstance(link, h5py.ExternalLink):
                    raise ReadError(
                        f"{group.name.rstrip('/')}/{key} is a link to another file and is not followed: copy what it"
                        " leads to into the file and try again",
                        granule=name,
                    )
                node = group[key] if isinstance(link, h5py.HardLink) else None
            except (OSError, RuntimeError, KeyError, ValueError, TypeError):
                continue
            if isinstance(node, h5py.Group):
                groups.append(node)
            elif isinstance(node, h5py.Dataset):
                require_own_data(node, name)
