"""Calls as users of icepyx, SlideRule, asf_search and InSARHub would try them: they work, or say what is wrong."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

import stacaster as package
from stacaster.errors import NothingFoundError, ReadError, StacasterError, UsageError
from stacaster.samples.icesat2 import DEFAULT_SCENES, write_icesat2
from tests.earthdata_twin.missions import serve_missions
from tests.earthdata_twin.server import Twin

stacaster: Any = package
"""Wrong calls are part of this, so that no type checker looks at them."""

BOX = (138.4, -31.3, 138.7, -31.1)
RING = [(138.4, -31.3), (138.7, -31.3), (138.7, -31.1), (138.4, -31.1), (138.4, -31.3)]
WKT = shapely.Polygon(RING).wkt
RADAR = "POLYGON((138.5 -30.9, 138.6 -30.9, 138.6 -30.8, 138.5 -30.8, 138.5 -30.9))"
AUGUST = ["2022-08-01", "2022-08-31"]


@dataclass(frozen=True)
class World:
    """What the calls are made with."""

    photons: Any
    catalog: Any
    files: list[Path]
    found: Any
    stacks: Any

    def atl03(self, **conditions: Any) -> Any:
        """Search photons."""
        return stacaster.search("ATL03", **conditions)

    def s1(self, **conditions: Any) -> Any:
        """Search radar scenes."""
        return stacaster.sar.find_stacks(**{"dataset": "SENTINEL-1", "intersectsWith": RADAR} | conditions)

    def fit(self, **parameters: Any) -> Any:
        """Fit surfaces."""
        return stacaster.icesat2.fit_surface(self.photons, **parameters)

    def trees(self, **parameters: Any) -> Any:
        """Describe vegetation."""
        return stacaster.icesat2.vegetation_metrics(self.photons, **parameters)


Calls = dict[str, Callable[[World], Any]]

ICEPYX: Calls = {
    "four numbers": lambda w: w.atl03(bbox=list(BOX), datetime=AUGUST),
    "box as text": lambda w: w.atl03(bbox="138.4,-31.3,138.7,-31.1"),
    "list of points": lambda w: w.atl03(intersects=RING),
    "open ring": lambda w: w.atl03(intersects=RING[:-1]),
    "flat list": lambda w: w.atl03(intersects=[value for point in RING for value in point]),
    "list of dicts": lambda w: w.atl03(intersects=[{"lon": x, "lat": y} for x, y in RING]),
    "wkt": lambda w: w.atl03(intersects=WKT),
    "shapely": lambda w: w.atl03(intersects=shapely.Polygon(RING)),
    "geojson": lambda w: w.atl03(intersects=shapely.geometry.mapping(shapely.Polygon(RING))),
    "feature": lambda w: w.atl03(intersects={"type": "Feature", "properties": {}, "geometry":
                                             shapely.geometry.mapping(shapely.Polygon(RING))}),
    "point with radius": lambda w: w.atl03(intersects="POINT(138.55 -31.2)", radius=5000),
    "date objects": lambda w: w.atl03(bbox=BOX, datetime=[dt.date(2022, 8, 1), dt.date(2022, 8, 31)]),
    "datetimes": lambda w: w.atl03(bbox=BOX, datetime=(dt.datetime(2022, 8, 1), dt.datetime(2022, 8, 31))),
    "day numbers": lambda w: w.atl03(bbox=BOX, datetime=["2022-213", "2022-243"]),
    "dict of dates": lambda w: w.atl03(bbox=BOX, datetime={"start_date": "2022-08-01", "end_date": "2022-08-31"}),
    "cycles": lambda w: w.atl03(bbox=BOX, cycle=["16", "17"]),
    "cycle number": lambda w: w.atl03(bbox=BOX, cycle=16),
    "tracks": lambda w: w.atl03(bbox=BOX, track=["0001", "0150"]),
    "version": lambda w: w.atl03(bbox=BOX, version="006"),
    "small letters": lambda w: stacaster.search("atl03", bbox=BOX),
    "latest version": lambda w: stacaster.access.find_collections(short_name="ATL03"),
    "ids": lambda w: [granule.id for granule in w.found],
    "summary": lambda w: w.found.summary(),
    "read": lambda w: stacaster.icesat2.read_tracks(w.files, ["heights/h_ph"], beams=["gt1l"]),
    "read pattern": lambda w: stacaster.icesat2.read_tracks([str(w.files[0])], ["heights/l*_ph"]),
    "read slash": lambda w: stacaster.icesat2.read_tracks(w.files[0], ["/gt1l/heights/h_ph"]),
    "other product": lambda w: stacaster.search("ATL99", bbox=BOX),
    "wrong option": lambda w: w.atl03(spatial_extent=list(BOX)),
    "wrong cycle": lambda w: w.atl03(bbox=BOX, cycle="sixteen"),
    "wrong box": lambda w: w.atl03(bbox=[138.4, -31.3, 138.7]),
    "wrong dates": lambda w: w.atl03(bbox=BOX, datetime=["2022-08-31", "2022-08-01"]),
    "wrong beam": lambda w: stacaster.icesat2.read_tracks(w.files, ["heights/h_ph"], beams=["gt9l"]),
    "wrong variable": lambda w: stacaster.icesat2.read_tracks(w.files, ["heights/no_such"]),
    "wrong file": lambda w: stacaster.icesat2.read_tracks("no.h5", ["heights/h_ph"]),
}  # fmt: skip

SLIDERULE: Calls = {
    "defaults": lambda w: w.fit(),
    "srt number": lambda w: w.fit(srt=0),
    "srt name": lambda w: w.fit(srt="land"),
    "srt list": lambda w: w.fit(srt=["land", "land_ice"]),
    "srt dynamic": lambda w: w.fit(srt=-1),
    "srt constant": lambda w: w.fit(srt="SRT_LAND"),
    "cnf number": lambda w: w.fit(cnf=4),
    "cnf name": lambda w: w.fit(cnf="atl03_high"),
    "cnf list": lambda w: w.fit(cnf=["atl03_high", "atl03_medium"]),
    "quality name": lambda w: w.fit(quality_ph=["atl03_quality_nominal"]),
    "class": lambda w: w.fit(atl08_class=["atl08_ground", "atl08_canopy"]),
    "class number": lambda w: w.fit(atl08_class=1),
    "lengths": lambda w: w.fit(len=20.0, res=10.0, cnt=5, ats=10.0),
    "seed": lambda w: w.fit(srt=0, len=20, res=100),
    "segments": lambda w: w.fit(dist_in_seg=True, len=2, res=1),
    "invalid": lambda w: w.fit(pass_invalid=True),
    "maxi": lambda w: w.fit(maxi=1, H_min_win=3.0, sigma_r_max=5.0),
    "podppd": lambda w: w.fit(podppd_mask=0x01),
    "phoreal": lambda w: w.trees(binsize=1, geoloc="mean"),
    "phoreal lengths": lambda w: w.trees(len=100, res=100),
    "yapc": lambda w: stacaster.icesat2.photon_density(w.photons, win_x=15, win_h=6),
    "blanket": lambda w: stacaster.icesat2.surface_blanket(w.photons),
    "strong": lambda w: w.catalog.points("photons", where="strong"),
    "wrong column": lambda w: w.catalog.points("photons", where="gt = 10"),
    "area": lambda w: w.catalog.points("photons", intersects=WKT),
    "samples": lambda w: stacaster.sample(_raster(), w.photons.head(3)),
    "columns": lambda w: w.fit()[["h_mean", "dh_fit_dx", "rms_misfit", "gt", "rgt", "cycle", "spot"]],
    "wrong srt": lambda w: w.fit(srt="sea_floor"),
    "wrong srt number": lambda w: w.fit(srt=9),
    "wrong cnf": lambda w: w.fit(cnf="best"),
    "wrong len": lambda w: w.fit(len=-1),
    "wrong res": lambda w: w.fit(res=0),
    "wrong name": lambda w: w.fit(length=40),
    "wrong class": lambda w: w.fit(atl08_class="water"),
    "wrong cnt": lambda w: w.fit(cnt="ten"),
    "wrong ats": lambda w: w.fit(len=20, ats=30),
    "wrong table": lambda w: stacaster.icesat2.fit_surface([1, 2, 3]),
    "nan": lambda w: w.fit(len=float("nan")),
}

ASF: Calls = {
    "geo": lambda w: w.s1(),
    "dataset list": lambda w: w.s1(dataset=["SENTINEL-1", "SLC-BURST"]),
    "platform": lambda w: w.s1(platform="Sentinel-1A"),
    "platform list": lambda w: w.s1(platform=["S1A", "S1B"]),
    "level": lambda w: w.s1(processingLevel="SLC"),
    "beam": lambda w: w.s1(beamMode="IW"),
    "polarization": lambda w: w.s1(polarization=["VV+VH"]),
    "direction": lambda w: w.s1(flightDirection="ASCENDING"),
    "orbit": lambda w: w.s1(relativeOrbit=100),
    "orbit list": lambda w: w.s1(relativeOrbit=[100, 101]),
    "orbit range": lambda w: w.s1(relativeOrbit=(99, 101)),
    "frame": lambda w: w.s1(frame=466),
    "asf frame": lambda w: w.s1(asfFrame=466),
    "snake": lambda w: w.s1(relative_orbit=100, flight_direction="ascending"),
    "days": lambda w: w.s1(season=[335, 60]),
    "months": lambda w: w.s1(months=[12, 1]),
    "start": lambda w: w.s1(start="2023-11-01", end="2023-12-31"),
    "start text": lambda w: w.s1(start="2023-11-01T00:00:00Z"),
    "start object": lambda w: w.s1(start=dt.datetime(2023, 11, 1, tzinfo=dt.UTC)),
    "max results": lambda w: w.s1(maxResults=2),
    "names": lambda w: stacaster.sar.find_stacks(granule_names=[w.stacks[0].id]),
    "stack from id": lambda w: stacaster.sar.find_stacks(stack_from_id=w.stacks[0].id),
    "point": lambda w: w.s1(intersectsWith="POINT(138.55 -30.85)", radius=1000),
    "collection": lambda w: w.s1(intersectsWith=f"GEOMETRYCOLLECTION({RADAR})"),
    "geojson": lambda w: w.stacks.to_geojson(),
    "baselines": lambda w: w.stacks.baselines(),
    "nisar": lambda w: stacaster.search("NISAR_L2_GCOV", bbox=(138.5, -31.1, 138.6, -31.0)),
    "nisar all": lambda w: stacaster.search("NISAR_L2_GCOV", bbox=(138.5, -31.1, 138.6, -31.0), all_versions=True),
    "bursts": lambda w: w.s1(dataset="SLC-BURST"),
    "other dataset": lambda w: w.s1(dataset="SENTINEL-9"),
    "wrong wkt": lambda w: w.s1(intersectsWith="POLYGON((138 -31"),
    "wrong option": lambda w: w.s1(orbit_number=5),
    "wrong direction": lambda w: w.s1(flightDirection="UP"),
    "wrong season": lambda w: w.s1(season=[0, 400]),
    "wrong orbit": lambda w: w.s1(relativeOrbit="one hundred"),
    "wrong max": lambda w: w.s1(maxResults=-1),
    "wrong dates": lambda w: w.s1(start="2024-01-01", end="2023-01-01"),
    "none": lambda w: w.s1(relativeOrbit=27),
}

INSARHUB: Calls = {
    "preset": lambda w: stacaster.sar.find_stacks(name="S1_SLC", intersectsWith=RADAR),
    "preset box": lambda w: stacaster.sar.find_stacks(name="S1_SLC", intersectsWith=[138.5, -30.9, 138.6, -30.8]),
    "preset burst": lambda w: stacaster.sar.find_stacks(name="S1_Burst", intersectsWith=RADAR),
    "workdir": lambda w: stacaster.sar.find_stacks(name="S1_SLC", intersectsWith=RADAR, workdir="x"),
    "filter": lambda w: w.stacks.filter(path_frame=(100, 466)),
    "filter list": lambda w: w.stacks.filter(path_frame=[(100, 466)]),
    "filter season": lambda w: w.stacks.filter(season=[12, 1]),
    "filter months": lambda w: w.stacks.filter(months="12-1"),
    "filter start": lambda w: w.stacks.filter(start="2023-12-01", end="2023-12-31"),
    "filter polarization": lambda w: w.stacks.filter(polarization=["VV"]),
    "filter level": lambda w: w.stacks.filter(processingLevel="SLC"),
    "filter level snake": lambda w: w.stacks.filter(processing_level="SLC"),
    "filter beam": lambda w: w.stacks.filter(beamMode="IW"),
    "filter look": lambda w: w.stacks.filter(lookDirection="RIGHT"),
    "filter direction": lambda w: w.stacks.filter(flightDirection="ASCENDING"),
    "filter count": lambda w: w.stacks.filter(max_count=2),
    "filter latest": lambda w: w.stacks.filter(latest_n=1),
    "filter earliest": lambda w: w.stacks.filter(earliest_n=1),
    "filter coverage": lambda w: w.stacks.filter(min_coverage=0.5),
    "filter min": lambda w: w.stacks.filter(min_count=2),
    "reset": lambda w: w.stacks.filter(latest_n=1).reset(),
    "summary": lambda w: w.stacks.summary(),
    "summary scenes": lambda w: w.stacks.summary(scenes=True),
    "footprint": lambda w: stacaster.access.draw_footprints(w.stacks, "x.html"),
    "pairs": lambda w: w.stacks.pairs(neighbours=2, max_days=36),
    "pairs baseline": lambda w: w.stacks.pairs(max_perpendicular=200),
    "write pairs": lambda w: stacaster.access.write_pairs(w.stacks.pairs(), "pairs.csv"),
    "dry run": lambda w: stacaster.sar.stack({"intersects_with": RADAR}, dry_run=True),
    "preset nisar": lambda w: stacaster.sar.find_stacks(name="NISAR_GSLC", intersectsWith=RADAR),
    "wrong preset": lambda w: stacaster.sar.find_stacks(name="S2_SLC", intersectsWith=RADAR),
    "orbit": lambda w: w.stacks.filter(orbit=100),
    "wrong season": lambda w: w.stacks.filter(season="winter"),
    "wrong count": lambda w: w.stacks.filter(max_count=-2),
    "wrong coverage": lambda w: w.stacks.filter(min_coverage=50),
    "wrong path": lambda w: w.stacks.filter(path_frame=100.5),
    "wrong heights": lambda w: stacaster.sar.make_dem(BOX, "dem", heights="sea level"),
    "wrong geoid": lambda w: stacaster.sar.make_dem(BOX, "dem", geoid="no.tif"),
    "wrong location": lambda w: stacaster.sar.fetch_orbits(w.stacks, "orbits", locations=["esa"]),
    "empty": lambda w: w.stacks.filter(path_frame=(1, 1)),
}

STYLES: dict[str, Calls] = {"icepyx": ICEPYX, "SlideRule": SLIDERULE, "asf_search": ASF, "InSARHub": INSARHUB}
NOTHING = {
    ("icepyx", "tracks"),
    ("icepyx", "other product"),
    ("asf_search", "other dataset"),
    ("InSARHub", "orbit"),
    ("asf_search", "none"),
    ("InSARHub", "preset nisar"),
    ("InSARHub", "empty"),
}
"""Calls that are right and find nothing."""


def _raster() -> Any:
    import xarray as xr
    from odc.geo.geobox import GeoBox
    from odc.geo.xr import xr_coords

    grid = GeoBox.from_bbox(BOX, 4326, resolution=0.01)
    cube = xr.DataArray(np.ones(grid.shape, "f4"), dims=grid.dims, coords=xr_coords(grid))
    return cube.to_dataset(name="v")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, moto: str) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("peers")
    (folder / "tracks").mkdir()
    small = replace(DEFAULT_SCENES[0], segments=30, photons=30)
    paths = [Path(path) for path in write_icesat2(small, folder / "tracks")]
    package.ingest(paths, catalog=folder / "c", workers=1)
    catalog = package.open_catalog(folder / "c")
    with Twin(folder) as twin, pytest.MonkeyPatch.context() as patch:
        serve_missions(twin, folder / "missions", moto)
        for name, value in twin.environment.items():
            patch.setenv(name, value)
        patch.setenv("EARTHDATA_TOKEN", "canary-token-1")
        found, stacks = stacaster.search("ATL03", bbox=BOX), stacaster.sar.find_stacks(intersectsWith=RADAR)
        photons = [path for path in paths if path.name.startswith("ATL03")]
        yield World(catalog.points("photons"), catalog, photons, found, stacks)


@pytest.mark.filterwarnings("ignore::stacaster.errors.StacasterWarning")
@pytest.mark.parametrize(("style", "name"), [(style, name) for style, calls in STYLES.items() for name in calls])
def test_a_call_works_or_says_what_is_wrong(
    style: str, name: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    call = STYLES[style][name]
    if (style, name) in NOTHING:
        with contextlib.suppress(NothingFoundError):
            assert not len(call(world))
    elif name.startswith("wrong") or name == "nan":
        with pytest.raises(StacasterError) as caught:
            call(world)
        assert isinstance(caught.value, UsageError | ReadError), caught.value
        assert len(str(caught.value)) > 15
    else:
        answer = call(world)
        assert answer is not None
        assert not hasattr(answer, "__len__") or len(answer), "nothing came"


def test_each_table_is_long() -> None:
    assert all(len(calls) >= 30 for calls in STYLES.values())
