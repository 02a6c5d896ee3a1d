"""Simulated granules for tests, demonstrations and teaching; every file says that it is simulated."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from stacaster.errors import UsageError
from stacaster.model.checked import checked
from stacaster.model.values import read_choice, read_path
from stacaster.samples.scene import AsterScene

__all__ = ["DEFAULT_SCENES", "FULL_SIZE_SCENE", "AsterScene", "sample_data"]

_LEVEL2 = ("AST_L1B", "AST_05", "AST_07", "AST_07XT", "AST_08", "AST_09", "AST_09XT", "AST_09T")

_NISAR = ("NISAR_L1_RSLC", "NISAR_L2_GCOV", "NISAR_L2_GSLC", "NISAR_L2_GUNW", "NISAR_L2_GOFF")
_RADAR = ("SENTINEL-1_SLC", "SENTINEL-1_GRD", "SENTINEL-1_BURSTS", "ALOS_PALSAR")
PRODUCTS = ("AST_L1T", "AST_L1T_004", *_NISAR, *_RADAR, "ICESAT2", *_LEVEL2, *(f"{name}_004" for name in _LEVEL2))
"""Products that can be simulated."""

_SHAPE = (61, 71)
_FULL_SHAPE = (825, 933)
_FLINDERS = (-3_428_910, 261_360)
_BORDER_54 = (-3_431_610, 211_500)
_BORDER_53 = (-3_431_610, 785_880)
_NIGHT = ("OFF",) * 9
_LAUNCH = dt.datetime(1999, 12, 18, 18, 57, tzinfo=dt.UTC)
_PERIOD = dt.timedelta(minutes=98.88)


def _utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def _scene(acquired: str, number: int, **rest: object) -> AsterScene:
    moment = _utc(acquired)
    fields = {
        "zone": 54,
        "upper_left": _FLINDERS,
        "tir_shape": _SHAPE,
        "orbit": int((moment - _LAUNCH) / _PERIOD),
        **rest,
    }
    produced = dt.datetime(2015, 5, 9, 13, 29, 31, tzinfo=dt.UTC) + dt.timedelta(seconds=number)
    return AsterScene(acquired=moment, produced=produced, number=number, **fields)  # type: ignore[arg-type]


DEFAULT_SCENES = (
    _scene("2001-03-14T00:50:21.114", 70441, sun_elevation=49.7, sun_azimuth=52.3, cloud_cover=2),
    _scene(
        "2003-08-30T00:43:02.520",
        70442,
        sun_elevation=41.2,
        sun_azimuth=42.8,
        cloud_cover=11,
        gains=("NOR", "NOR", "NOR", "HGH", "HGH", "HGH", "HGH", "HGH", "HGH"),
    ),
    _scene(
        "2003-12-04T00:42:47.005",
        70443,
        sun_elevation=63.5,
        sun_azimuth=71.9,
        cloud_cover=0,
        gains=("LOW", "LOW", "LOW", "LO1", "LO2", "LO2", "LO2", "LO2", "LO2"),
    ),
    _scene(
        "2005-06-10T00:49:33.250",
        70444,
        sun_elevation=29.9,
        sun_azimuth=35.0,
        cloud_cover=25,
        upper_left=(_FLINDERS[0] + 450, _FLINDERS[1] + 900),
        path_row_view=(98, 82, 5),
    ),
    _scene(
        "2004-02-18T12:58:40.870",
        70445,
        sun_elevation=-38.3,
        sun_azimuth=219.0,
        subsystems=("TIR",),
        gains=_NIGHT,
        direction="AS",
        cloud_cover=0,
    ),
    _scene("2009-10-02T00:49:58.640", 70446, sun_elevation=52.6, sun_azimuth=50.4, cloud_cover=6),
    _scene("2006-09-16T00:55:10.112", 70447, sun_elevation=46.8, sun_azimuth=47.7, upper_left=_BORDER_54),
    _scene("2006-09-16T00:55:18.955", 70448, sun_elevation=46.9, sun_azimuth=47.9, zone=53, upper_left=_BORDER_53),
)
"""Scenes of the default set: four by day, one by night, one after the end of SWIR, one pair in two UTM zones."""

PATH_SCENES = DEFAULT_SCENES[:2]
"""Scenes of path-oriented products: two by day, at places and times of the default set."""

FULL_SIZE_SCENE = _scene(
    "2002-10-15T00:50:02.310", 70450, sun_elevation=56.1, sun_azimuth=57.0, tir_shape=_FULL_SHAPE, rotation=8.0
)
"""One scene of the size of real ones."""


@checked
def sample_data(
    directory: str | os.PathLike[str],
    *,
    product: str = "AST_L1T",
    full_size: bool = False,
    overwrite: bool = False,
    progress: Callable[[int, int, str], None] | None = None,
) -> tuple[Path, ...]:
    """Write simulated granules over South Australia.

    Args:
        directory: Folder; made when it does not exist.
        product: ``AST_L1T``, ``AST_L1B``, ``AST_05``, ``AST_07`` ... (version 003, HDF4); with ``_004`` version 004
            (GeoTIFF sets); ``NISAR_L2_GCOV``, ``GSLC``, ``GUNW``, ``GOFF``, ``NISAR_L1_RSLC`` (HDF5); ``ICESAT2`` for
            ATL03 with its ATL06 and ATL08; ``SENTINEL-1_SLC``, ``SENTINEL-1_GRD``, ``SENTINEL-1_BURSTS``,
            ``ALOS_PALSAR`` (archives).
        full_size: One granule of real size (133 MB; of NISAR some gigabytes) instead of a set of small ones.
        overwrite: Replace files that exist.
        progress: Called after each granule with the number done, the total and its name.

    Returns:
        Paths of the files.

    Raises:
        UsageError: The product cannot be simulated, or a file exists.

    Example:
        >>> len(stacaster.sample_data("simulated")) > 3
        True
    """
    product = read_choice("product", product, PRODUCTS)
    folder = read_path("directory", directory)
    folder.mkdir(parents=True, exist_ok=True)
    if product == "ICESAT2":
        return _icesat2(folder, full_size=full_size, overwrite=overwrite, progress=progress)
    if product in _RADAR:
        if full_size:
            raise UsageError(f"{product} is simulated in small only")
        return _radar(product, folder, overwrite=overwrite, progress=progress)
    if product in _NISAR:
        return _nisar(product, folder, full_size=full_size, overwrite=overwrite, progress=progress)
    is_level2 = product.removesuffix("_004") in _LEVEL2
    scenes = (FULL_SIZE_SCENE,) if full_size else PATH_SCENES if is_level2 else DEFAULT_SCENES
    for scene in scenes:
        # Names of all forms begin with product, version and time of the scene.
        is_new = product.endswith("_004")
        begin = f"{product.removesuffix('_004')}_{'004' if is_new else '003'}{scene.acquired:%m%d%Y%H%M%S}"
        found = sorted(folder.glob(f"{begin}_*{'.*' if is_new else '.hdf'}"))
        if found and not overwrite:
            raise UsageError(f"{found[0].name} exists in {folder}; overwrite=True replaces it")
    paths: list[Path] = []
    for done, scene in enumerate(scenes, start=1):
        paths += _write(scene, product, folder)
        if progress is not None:
            progress(done, len(scenes), paths[-1].name)
    return tuple(paths)


def _nisar(
    product: str, folder: Path, *, full_size: bool, overwrite: bool, progress: Callable[[int, int, str], None] | None
) -> tuple[Path, ...]:
    from stacaster.samples import nisar

    # Files of level 1 are kept whole: further productions of them show nothing.
    older = nisar.OLDER_SCENES if product != "NISAR_L1_RSLC" else ()
    scenes = (nisar.FULL_SIZE_SCENE,) if full_size else (*nisar.DEFAULT_SCENES, *older)
    scenes = tuple(replace(scene, kind=product[-4:]) for scene in scenes)
    paths = []
    for done, scene in enumerate(scenes, start=1):
        path = folder / f"{scene.name}.h5"
        if path.exists() and not overwrite:
            raise UsageError(f"{path.name} exists in {folder}; overwrite=True replaces it")
        paths.append(nisar.write_nisar(scene, folder))
        if progress is not None:
            progress(done, len(scenes), path.name)
    return tuple(paths)


def _radar(
    product: str, folder: Path, *, overwrite: bool, progress: Callable[[int, int, str], None] | None
) -> tuple[Path, ...]:
    from stacaster.samples import palsar, sentinel1

    scenes: tuple[Any, ...] = palsar.DEFAULT_SCENES if product == "ALOS_PALSAR" else sentinel1.DEFAULT_SCENES
    kind = product.rpartition("_")[2]
    paths: list[Path] = []
    for done, scene in enumerate(scenes, start=1):
        is_burst = kind == "BURSTS"
        name = (
            scene.name if product == "ALOS_PALSAR" else scene.burst_name(2, 1, "VV") if is_burst else scene.name(kind)
        )
        if any(folder.glob(f"{name}.*")) and not overwrite:
            raise UsageError(f"{name} exists in {folder}; overwrite=True replaces it")
        if product == "ALOS_PALSAR":
            paths.append(palsar.write_palsar(scene, folder))
        elif is_burst:
            paths += sentinel1.write_burst(scene, folder)
        else:
            paths.append(sentinel1.write_safe(scene, folder, kind=kind))
        if progress is not None:
            progress(done, len(scenes), paths[-1].name)
    return tuple(paths)


def _icesat2(
    folder: Path, *, full_size: bool, overwrite: bool, progress: Callable[[int, int, str], None] | None
) -> tuple[Path, ...]:
    from stacaster.samples import icesat2

    if full_size:
        raise UsageError("ICESAT2 is simulated in small only")
    paths: list[Path] = []
    for done, scene in enumerate(icesat2.DEFAULT_SCENES, start=1):
        path = folder / f"{scene.name('ATL03')}.h5"
        if path.exists() and not overwrite:
            raise UsageError(f"{path.name} exists in {folder}; overwrite=True replaces it")
        paths += icesat2.write_icesat2(scene, folder)
        if progress is not None:
            progress(done, len(icesat2.DEFAULT_SCENES), path.name)
    return tuple(paths)


def _write(scene: AsterScene, product: str, folder: Path) -> tuple[Path, ...]:
    if product == "AST_L1T":
        from stacaster.samples.aster_l1t_003 import write_aster_l1t_003

        return (write_aster_l1t_003(scene, folder),)
    if product == "AST_L1T_004":
        from stacaster.samples.aster_l1t_004 import write_aster_l1t_004

        return write_aster_l1t_004(scene, folder)
    if product.endswith("_004"):
        from stacaster.samples.path_geotiffs import write_path_geotiffs

        return write_path_geotiffs(scene, product.removesuffix("_004"), folder)
    from stacaster.samples.aster_paths import write_path_hdf

    return write_path_hdf(scene, product, folder)
