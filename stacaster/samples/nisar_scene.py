"""One simulated NISAR acquisition."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass


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


def _span(start: dt.datetime) -> str:
    return f"{start:%Y%m%dT%H%M%S}_{start + dt.timedelta(seconds=23):%Y%m%dT%H%M%S}"
