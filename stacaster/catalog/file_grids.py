"""Whether the grids that items state are those of their files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stacaster.cube.band_model import bands_of, differing_grid, is_data


def wrong_grids(root: Path, items: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield the position of each item whose grid is more than a tenth of a pixel from that of a file, and the text.

    Args:
        root: Folder of the catalog.
        items: Items by the position of their document below ``root``. Assets elsewhere are not looked at.
    """
    for position, item in items.items():
        for key, asset in item["assets"].items():
            href = str(asset["href"])
            if "://" in href or not is_data(asset):
                continue
            fields = bands_of(key, asset, item["properties"])[0].fields
            problem = differing_grid(fields, str((root / position).parent / href))
            if problem is not None:
                yield position, f"{key}: {problem}"
