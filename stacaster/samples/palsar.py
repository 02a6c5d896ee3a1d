"""Write simulated ALOS PALSAR scenes: archives with the members and the work report of real ones, and no image."""

from __future__ import annotations

import datetime as dt
import zipfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class PalsarScene:
    """One simulated acquisition."""

    start: dt.datetime
    """First moment, UTC."""
    orbit: int
    """Absolute orbit."""
    frame: int = 6560
    """Place along the path."""
    polarizations: tuple[str, ...] = ("HH", "HV")
    """Polarisations."""

    @property
    def name(self) -> str:
        """Name of the scene."""
        return f"ALPSRP{self.orbit:05d}{self.frame:04d}-L1.1"


DEFAULT_SCENES = (
    PalsarScene(start=dt.datetime(2009, 7, 4, 13, 35, 1, tzinfo=dt.UTC), orbit=18304),
    PalsarScene(start=dt.datetime(2009, 8, 19, 13, 35, 20, tzinfo=dt.UTC), orbit=18975),
)
"""Two acquisitions of one frame, a cycle of 46 days apart."""

_CORNERS = {
    "LeftTop": (-30.7, 138.3), "RightTop": (-30.8, 138.9), "RightBottom": (-31.3, 138.8), "LeftBottom": (-31.2, 138.2),
}  # fmt: skip


def write_palsar(scene: PalsarScene, directory: Path) -> Path:
    """Write one scene.

    Args:
        scene: The acquisition.
        directory: Folder that exists.
    """
    times = {"Start": scene.start, "Center": scene.start + dt.timedelta(seconds=4),
             "End": scene.start + dt.timedelta(seconds=8)}  # fmt: skip
    rows = {"Scs_SceneID": f"SIMULATED {scene.name}", "Pdi_ProductFormat": "CEOS"}
    rows |= {f"Img_Scene{part}DateTime": f"{moment:%Y%m%d %H:%M:%S.%f}"[:-3] for part, moment in times.items()}
    for corner, (latitude, longitude) in _CORNERS.items():
        rows |= {f"Img_ImageScene{corner}Latitude": f"{latitude:.3f}",
                 f"Img_ImageScene{corner}Longitude": f"{longitude:.3f}"}  # fmt: skip
    stem = scene.name.replace("-L", "-H")
    members = {f"{kind}-{stem}__A": b"simulated CEOS record" for kind in ("VOL", "LED", "TRL")}
    members |= {f"IMG-{name}-{stem}__A": b"simulated CEOS image" * 50 for name in scene.polarizations}
    members["workreport"] = "\n".join(f'{key}="{value}"' for key, value in rows.items()).encode()
    path = directory / f"{scene.name}.zip"
    path.unlink(missing_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            entry = zipfile.ZipInfo(f"{scene.name}/{name}", date_time=(2020, 1, 1, 0, 0, 0))
            archive.writestr(entry, content)
    return path
