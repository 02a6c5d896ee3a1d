"""Write simulated NISAR granules: HDF5 in the form of the product specifications, whole rows of chunks at a time."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import h5py

from stacaster.samples.nisar_identification import coordinates, write_identification
from stacaster.samples.nisar_layers import write_frequency, write_pair, write_swath
from stacaster.samples.nisar_metadata import write_metadata

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, kw_only=True)
class NisarScene:
    """One simulated acquisition, or pair of acquisitions."""

    start: dt.datetime
    """First moment, UTC."""
    cycle: int = 4
    """Cycle of twelve days."""
    crid: str = "P05023"
    """Composite release id."""
    counter: int = 1
    """Counter of products of one acquisition."""
    epsg: int = 32754
    """CRS."""
    corner: tuple[float, float] = (260_000.0, 6_570_000.0)
    """Easting and northing of the upper-left edge."""
    shape: tuple[int, int] = (300, 320)
    """Rows and columns of frequency A."""
    spacing: float = 20.0
    """Pixel of frequency A, metres; of frequency B four times that."""
    terms: tuple[str, ...] = ("HHHH", "HVHV")
    """Covariance terms."""
    specification: str = "1.4.0"
    """Version of the product specification."""
    kind: str = "GCOV"
    """``GCOV``, ``GSLC``, ``GUNW`` or ``GOFF``; ``RSLC`` of level 1."""
    polarizations: tuple[str, ...] = ("HH", "HV")
    """Polarisations of other products than GCOV."""
    band: str = "L"
    """``L`` or ``S``."""
    page_bytes: int | None = None
    """Size of the pages of the file, as real files have them (4 MiB); None writes without pages."""

    @property
    def is_pair(self) -> bool:
        """Whether the product is of two acquisitions."""
        return self.kind in ("GUNW", "GOFF")

    @property
    def mode(self) -> str:
        """Bandwidths of both frequencies, MHz."""
        return "2000" if self.is_pair else "2005"

    @property
    def polarization_mode(self) -> str:
        """Polarisations of both frequencies, as names have them."""
        return "QPQP" if any({name[:2], name[2:]} & {"VV", "VH"} for name in self.terms) else "DHDH"

    @property
    def second(self) -> dt.datetime:
        """First moment of the second acquisition of a pair."""
        return self.start + dt.timedelta(days=12)

    @property
    def name(self) -> str:
        """Name of the granule."""
        begin = f"NISAR_{self.band}{1 if self.kind == 'RSLC' else 2}_PR_{self.kind}_{self.cycle:03d}_113_D_065"
        end = f"{self.crid}_N_F_J_{self.counter:03d}"
        first = _span(self.start)
        if self.is_pair:
            return f"{begin}_{self.cycle + 1:03d}_{self.mode}_SH_{first}_{_span(self.second)}_{end}"
        return f"{begin}_{self.mode}_{self.polarization_mode}_A_{first}_{end}"


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


def _span(start: dt.datetime) -> str:
    return f"{start:%Y%m%dT%H%M%S}_{start + dt.timedelta(seconds=23):%Y%m%dT%H%M%S}"


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
