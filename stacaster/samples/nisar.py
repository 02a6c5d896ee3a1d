"""Write simulated NISAR granules: HDF5 in the form of the product specifications, whole rows of chunks at a time."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import h5py

from stacaster.samples.nisar_identification import coordinates, write_identification
from stacaster.samples.nisar_layers import write_frequency, write_pair, write_swath
from stacaster.samples.nisar_metadata import write_metadata
from stacaster.samples.nisar_scene import NisarScene

if TYPE_CHECKING:
    pass


DEFAULT_SCENES = tuple(
    NisarScene(
        start=dt.datetime(2026, 7, 1, 1, 5, 37, tzinfo=dt.UTC) + dt.timedelta(days=12 * number), cycle=4 + number
    )
    for number in range(3)
)
"""Three acquisitions of one frame, a cycle apart."""

OLDER_SCENES = (
    replace(DEFAULT_SCENES[0], crid="X05013"),
    replace(DEFAULT_SCENES[1], crid="X05009"),
    replace(DEFAULT_SCENES[1], counter=2),
)
"""Further productions of two of them: beta releases, whose letter sorts behind that of the others, and a repetition."""

FULL_SIZE_SCENE = NisarScene(
    start=DEFAULT_SCENES[0].start, shape=(16_704, 17_064), page_bytes=4 << 20, corner=(300_000.0, 6_700_000.0)
)
"""One acquisition of the size of real ones."""


def write_nisar(scene: NisarScene, directory: Path) -> Path:
    """Write one granule.

    Args:
        scene: The acquisition.
        directory: Folder that exists.
    """
    path = directory / f"{scene.name}.h5"
    path.unlink(missing_ok=True)
    pages = {"fs_strategy": "page", "fs_page_size": scene.page_bytes} if scene.page_bytes else {}
    # Without times of objects the same scene gives the same bytes.
    with h5py.File(path, "w", track_order=False, **pages) as file:
        root = file.create_group(f"science/{scene.band}SAR")
        write_identification(root.create_group("identification"), scene)
        if scene.kind == "RSLC":
            write_swath(root.require_group("RSLC"), scene)
            return path
        grids = root.create_group(f"{scene.kind}/grids")
        if scene.is_pair:
            write_pair(grids.create_group("frequencyA"), scene)
        else:
            for letter, factor in (("A", 1), ("B", 4)):
                write_frequency(grids.create_group(f"frequency{letter}"), scene, factor)
        x, y = coordinates(scene, 1)
        write_metadata(root.create_group(f"{scene.kind}/metadata"), scene, (x[0], x[-1], y[0], y[-1]))
    return path
