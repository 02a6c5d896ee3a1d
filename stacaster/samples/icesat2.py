"""Write simulated ICESat-2 granules: ATL03 with its ATL06 and ATL08, on a known surface with trees."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_EPOCH = dt.datetime(2018, 1, 1, tzinfo=dt.UTC)
_GPS = 1_198_800_018.0
_SEGMENT = 20.0
_SPEED = 7100.0
_METRES_A_DEGREE = 111_320.0
_F4, _F8 = np.float32(3.4028235e38), np.float64(1.7976931348623157e308)


@dataclass(frozen=True, kw_only=True)
class TrackScene:
    """One simulated pass."""

    start: dt.datetime = dt.datetime(2022, 8, 14, 3, 10, 5, 250_000, tzinfo=dt.UTC)
    """First moment, UTC."""
    rgt: int = 1131
    """Reference ground track."""
    cycle: int = 16
    """Cycle of 91 days."""
    region: int = 8
    """Part of the orbit, 1 to 14."""
    release: str = "006"
    """Release of the products."""
    orientation: int = 0
    """0 backward, 1 forward, 2 transition."""
    origin: tuple[float, float] = (138.55, -31.20)
    """Longitude and latitude of the first photon of gt2r."""
    segments: int = 120
    """Segments of 20 m."""
    photons: int = 60
    """Photons of a segment of a strong beam; of a weak one a quarter."""
    beams: tuple[str, ...] = ("gt1l", "gt1r", "gt2l", "gt2r", "gt3l", "gt3r")
    """Beams that the file has."""

    def name(self, product: str) -> str:
        """Return the name of the granule of a product."""
        track = f"{self.rgt:04d}{self.cycle:02d}{self.region:02d}"
        return f"{product}_{self.start:%Y%m%d%H%M%S}_{track}_{self.release}_01"


DEFAULT_SCENES = (
    TrackScene(),
    TrackScene(start=dt.datetime(2022, 11, 13, 22, 50, 1, tzinfo=dt.UTC), cycle=17, orientation=1),
)
"""Two passes of one track."""


def surface(x: NDArray[Any]) -> NDArray[np.float64]:
    """Return the height of the ground at distances along the track, metres."""
    return np.asarray(120.0 + 4.0 * np.sin(x / 350.0) + 0.01 * x, dtype=np.float64)


@dataclass
class _Pass:
    x: NDArray[Any]
    height: NDArray[Any]
    kind: NDArray[Any]
    count: NDArray[Any]
    segment: NDArray[Any]
    lon: NDArray[Any]
    lat: NDArray[Any]
    seconds: NDArray[Any]


def write_icesat2(scene: TrackScene, directory: Path) -> tuple[Path, ...]:
    """Write ATL03, ATL06 and ATL08 of one pass.

    Args:
        scene: The pass.
        directory: Folder that exists.
    """
    passes = {beam: _simulate(scene, beam) for beam in scene.beams}
    paths = []
    for product, fill in (("ATL03", _atl03), ("ATL06", _atl06), ("ATL08", _atl08)):
        path = directory / f"{scene.name(product)}.h5"
        path.unlink(missing_ok=True)
        with h5py.File(path, "w", track_order=False) as file:
            file.attrs["short_name"] = product
            file.attrs["title"] = f"Simulated {product}, not a measurement"
            _facts(file, scene, passes)
            for number, beam in enumerate(scene.beams):
                group = file.create_group(beam)
                group.attrs["groundtrack_id"] = beam
                fill(group, scene, passes[beam], number)
        paths.append(path)
    return tuple(paths)


def _simulate(scene: TrackScene, beam: str) -> _Pass:
    place = ("gt1l", "gt1r", "gt2l", "gt2r", "gt3l", "gt3r").index(beam)
    spot = 6 - place if scene.orientation == 1 else place + 1
    chance = np.random.default_rng((scene.rgt, scene.cycle, place))
    most = scene.photons if spot % 2 else max(1, scene.photons // 4)
    count = chance.integers(most // 2, most + 1, scene.segments)
    # Clouds: some segments have no photon at all.
    count[chance.random(scene.segments) < 0.04] = 0
    segment = np.repeat(np.arange(scene.segments), count)
    x = np.sort(chance.random(segment.size) * _SEGMENT + segment * _SEGMENT)
    segment = np.minimum((x // _SEGMENT).astype(int), scene.segments - 1)
    count = np.bincount(segment, minlength=scene.segments)
    kind = chance.choice([0, 1, 2, 3], size=x.size, p=[0.1, 0.6, 0.2, 0.1])
    ground = surface(x)
    height = ground + np.select(
        [kind == 1, kind == 2, kind == 3],
        [chance.normal(0, 0.1, x.size), chance.uniform(1, 7, x.size), chance.uniform(7, 9, x.size)],
        chance.uniform(-30, 30, x.size),
    )
    across = (place // 2 - 1) * 3300.0 + (place % 2) * 90.0
    lat = scene.origin[1] + x / _METRES_A_DEGREE
    lon = scene.origin[0] + (across - 0.05 * x) / (_METRES_A_DEGREE * np.cos(np.radians(lat)))
    begin = (scene.start - _EPOCH).total_seconds()
    return _Pass(x, height, kind, count, segment, lon, lat, begin + x / _SPEED)


def _facts(file: Any, scene: TrackScene, passes: dict[str, _Pass]) -> None:
    orbit = file.create_group("orbit_info")
    numbers = {"rgt": (scene.rgt, "i2"), "cycle_number": (scene.cycle, "i1"), "orbit_number": (21_000, "u2"),
               "sc_orient": (scene.orientation, "i1")}  # fmt: skip
    for name, (number, kind) in numbers.items():
        orbit.create_dataset(name, data=np.array([number], dtype=kind))
    begin = (scene.start - _EPOCH).total_seconds()
    last = max((float(one.seconds[-1]) for one in passes.values() if one.seconds.size), default=begin)
    ancillary = file.create_group("ancillary_data")
    for name, value in (("atlas_sdp_gps_epoch", _GPS), ("start_delta_time", begin), ("end_delta_time", last)):
        ancillary.create_dataset(name, data=np.array([value]))
    ancillary.create_dataset("release", data=np.array([scene.release.encode()]))


def _put(group: Any, name: str, values: Any, kind: str, *, fill: Any = None, unit: str = "1", words: str = "") -> None:
    data = np.asarray(values, dtype=kind)
    packed: dict[str, Any] = {}
    if data.shape[0]:
        packed = {"chunks": (min(10_000, data.shape[0]), *data.shape[1:]), "compression": "gzip", "compression_opts": 6}
    made = group.create_dataset(name, data=data, fillvalue=fill, **packed)
    if fill is not None:
        made.attrs["_FillValue"] = np.asarray(fill, dtype=kind)
    made.attrs["units"] = unit
    made.attrs["long_name"] = words or name.rpartition("/")[2]


def _atl03(group: Any, scene: TrackScene, one: _Pass, number: int) -> None:
    first = np.concatenate([[0], np.cumsum(one.count)[:-1]])
    ids = 771_200 + np.arange(scene.segments)
    heights = group.create_group("heights")
    _put(heights, "h_ph", one.height, "f4", unit="meters")
    _put(heights, "lat_ph", one.lat, "f8", unit="degrees")
    _put(heights, "lon_ph", one.lon, "f8", unit="degrees")
    _put(heights, "delta_time", one.seconds, "f8", unit="seconds since 2018-01-01")
    _put(heights, "dist_ph_along", one.x - one.segment * _SEGMENT, "f4", unit="meters")
    _put(heights, "dist_ph_across", np.full(one.x.size, (number // 2 - 1) * 3300.0 + (number % 2) * 90.0), "f4")
    confidence = np.where(one.kind == 0, 0, 4)
    _put(heights, "signal_conf_ph", np.stack([confidence, *[np.full(one.x.size, -1)] * 4], axis=1), "i1")
    _put(heights, "quality_ph", np.zeros(one.x.size), "i1")
    _put(heights, "weight_ph", np.where(one.kind == 0, 10, 200), "u1")
    where = group.create_group("geolocation")
    _put(where, "segment_id", ids, "i4")
    _put(where, "segment_ph_cnt", one.count, "i4")
    _put(where, "ph_index_beg", np.where(one.count > 0, first + 1, 0), "i8")
    _put(where, "segment_dist_x", 15_400_000.0 + np.arange(scene.segments) * _SEGMENT, "f8", fill=_F8, unit="meters")
    _put(where, "segment_length", np.full(scene.segments, _SEGMENT), "f8")
    begin = (scene.start - _EPOCH).total_seconds()
    _put(where, "delta_time", begin + np.arange(scene.segments) * _SEGMENT / _SPEED, "f8")
    _put(where, "reference_photon_lat", scene.origin[1] + np.arange(scene.segments) * _SEGMENT / _METRES_A_DEGREE, "f8")
    _put(where, "solar_elevation", np.full(scene.segments, 31.5), "f4", fill=_F4, unit="degrees")
    _put(where, "velocity_sc", np.tile([0.0, _SPEED, 0.0], (scene.segments, 1)), "f4", fill=_F4)
    _put(where, "podppd_flag", np.zeros(scene.segments), "i1")
    corrections = group.create_group("geophys_corr")
    geoid = np.full(scene.segments, -2.5, "f4")
    geoid[::7] = _F4
    _put(corrections, "geoid", geoid, "f4", fill=_F4, unit="meters")
    _put(corrections, "dem_h", surface(np.arange(scene.segments) * _SEGMENT), "f4", fill=_F4, unit="meters")
    background = group.create_group("bckgrd_atlas")
    _put(background, "delta_time", begin - 1 + np.arange(scene.segments) * 0.02, "f8")
    _put(background, "bckgrd_rate", np.full(scene.segments, 20_000.0), "f4")


def _atl06(group: Any, scene: TrackScene, one: _Pass, number: int) -> None:
    del number
    centre = np.arange(1, scene.segments) * _SEGMENT
    begin = (scene.start - _EPOCH).total_seconds()
    root = group.create_group("land_ice_segments")
    height = surface(centre).astype("f4")
    height[::11] = _F4
    _put(root, "h_li", height, "f4", fill=_F4, unit="meters", words="Land ice height")
    _put(root, "h_li_sigma", np.full(centre.size, 0.02), "f4", fill=_F4)
    _put(root, "atl06_quality_summary", np.zeros(centre.size), "i1", fill=127)
    _put(root, "segment_id", 771_200 + np.arange(centre.size), "i4", fill=0)
    _put(root, "latitude", scene.origin[1] + centre / _METRES_A_DEGREE, "f8", fill=_F8)
    _put(
        root,
        "longitude",
        np.interp(centre, one.x, one.lon) if one.x.size else np.full(centre.size, _F8),
        "f8",
        fill=_F8,
    )
    _put(root, "delta_time", begin + centre / _SPEED, "f8", fill=_F8)
    fit = root.create_group("fit_statistics")
    _put(fit, "dh_fit_dx", np.cos(centre / 350.0) * 4 / 350 + 0.01, "f4", fill=_F4)
    count = np.full(centre.size, 42)
    count[::11] = 2_147_483_647
    _put(fit, "n_fit_photons", count, "i4", fill=2_147_483_647)
    _put(fit, "w_surface_window_final", np.where(height == _F4, _F4, 3.0), "f4", fill=_F4)
    track = root.create_group("ground_track")
    _put(track, "x_atc", 15_400_000.0 + centre, "f8", fill=_F8)


def _atl08(group: Any, scene: TrackScene, one: _Pass, number: int) -> None:
    del number
    first = np.concatenate([[0], np.cumsum(one.count)[:-1]])
    whole = scene.segments // 5
    centre = (np.arange(whole) + 0.5) * 100
    begin = (scene.start - _EPOCH).total_seconds()
    root = group.create_group("land_segments")
    cells = (np.arange(whole)[:, None] * 5 + np.arange(5) + 0.5) * _SEGMENT
    _put(root, "latitude", scene.origin[1] + centre / _METRES_A_DEGREE, "f4", fill=_F4)
    lon = np.interp(centre, one.x, one.lon) if one.x.size else np.full(whole, _F4)
    _put(root, "longitude", lon, "f4", fill=_F4)
    lat20 = (scene.origin[1] + cells / _METRES_A_DEGREE).astype("f4")
    lat20[::4, 2] = _F4
    _put(root, "latitude_20m", lat20, "f4", fill=_F4)
    lon20 = np.repeat(np.asarray(lon, "f4")[:, None], 5, axis=1)
    lon20[::4, 2] = _F4
    _put(root, "longitude_20m", lon20, "f4", fill=_F4)
    _put(root, "delta_time", begin + centre / _SPEED, "f8")
    _put(root, "segment_id_beg", 771_200 + np.arange(whole) * 5, "i4")
    _put(root, "segment_landcover", np.where(np.arange(whole) % 6, 20, 255), "i2", fill=255)
    terrain, canopy = root.create_group("terrain"), root.create_group("canopy")
    _put(terrain, "h_te_best_fit", surface(centre), "f4", fill=_F4, unit="meters")
    _put(terrain, "h_te_best_fit_20m", surface(cells), "f4", fill=_F4, unit="meters")
    _put(terrain, "subset_te_flag", np.ones((whole, 5)), "i1", fill=127)
    _put(canopy, "h_canopy", np.full(whole, 8.8), "f4", fill=_F4, unit="meters")
    _put(canopy, "canopy_h_metrics", np.tile(np.linspace(1, 8.6, 18), (whole, 1)), "f4", fill=_F4)
    _put(canopy, "h_canopy_20m", np.full((whole, 5), 8.5), "f4", fill=_F4)
    cover = np.full(whole, 30)
    cover[1::5] = 32_767
    _put(canopy, "segment_cover", cover, "i2", fill=32_767)
    signal = group.create_group("signal_photons")
    kept = np.flatnonzero(one.kind > 0)
    _put(signal, "ph_segment_id", 771_200 + one.segment[kept], "i4")
    _put(signal, "classed_pc_indx", kept - first[one.segment[kept]] + 1, "i4")
    _put(signal, "classed_pc_flag", one.kind[kept], "i1")
    _put(signal, "ph_h", one.height[kept] - surface(one.x[kept]), "f4", fill=_F4)
    _put(signal, "delta_time", one.seconds[kept], "f8")
