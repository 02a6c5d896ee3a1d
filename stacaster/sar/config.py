"""What a run over radar stacks is asked for: one object, from arguments, from a TOML file, or from both."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from itertools import product
from typing import Annotated, Any, Self, get_type_hints

from stacaster.access.sources.asf import OPTIONS
from stacaster.analysis.stacks import Season, days_season, months_season, parse_season
from stacaster.analysis.stacks.filtering import snake
from stacaster.errors import UsageError, nearest
from stacaster.sar.option_values import alternatives, platform_of, read_table
from stacaster.sar.presets import PRESETS, preset_of

_LEVELS = {"SENTINEL-1": "SLC", "ALOS": "L1.1", "ALOS PALSAR": "L1.1"}
_ALIASES = {
    "polarisation": "polarization", "limit": "max_results", "path": "relative_orbit", "direction": "flight_direction",
    "orbit": "absolute_orbit", "intersects": "intersects_with", "workdir": "output", "min_faraday_rotation":
    "min_faraday", "max_faraday_rotation": "max_faraday", "latest": "latest_n", "earliest": "earliest_n",
    "granule_names": "granule_list", "product_list": "granule_list", "max_workers": "workers", "work_dir": "output",
    "track": "relative_orbit", "burst_id": "full_burst_id",
}  # fmt: skip
# Options that become conditions of a search under another name.
_CONDITIONS = {
    "absolute_orbit": "orbit", "relative_orbit": "path", "frame": "frame", "flight_direction": "direction",
    "polarization": "polarization",
}  # fmt: skip
_MOST_QUESTIONS = 64


@dataclass(frozen=True, kw_only=True)
class StackConfig:
    """Options of ``find_stacks`` and ``stack``; those of a search have the names of asf_search in small letters.

    Most options take a list, which means any of these; numbers take a range such as ``98-100``.
    """

    name: Annotated[str | None, "Preset: S1_SLC, S1_Burst, NISAR_GSLC, NISAR_RSLC, NISAR_GUNW or ASF_Base."] = None
    dataset: Annotated[Any, "SENTINEL-1, SLC-BURST, ALOS, NISAR_L2_GSLC ..., or a short name at CMR."] = "SENTINEL-1"
    instrument: Annotated[str | None, "C-SAR, PALSAR, L-SAR ..., as CMR names it."] = None
    stack_from_id: Annotated[str | None, "The stack of this granule: its path, frame, mode and polarisation."] = None
    platform: Annotated[Any, "Satellite: SENTINEL-1A, S1A, ALOS ..."] = None
    beam_mode: Annotated[Any, "IW, EW, FBD ..."] = None
    beam_swath: Annotated[Any, "Beam swath."] = None
    polarization: Annotated[Any, "VV, VV+VH, HH ..."] = None
    flight_direction: Annotated[Any, "ascending or descending."] = None
    look_direction: Annotated[Any, "left or right."] = None
    relative_orbit: Annotated[Any, "Relative orbit: path or track."] = None
    absolute_orbit: Annotated[Any, "Absolute orbit."] = None
    frame: Annotated[Any, "Frame: of Sentinel-1, ALOS and NISAR as ASF counts, else as ESA does."] = None
    asf_frame: Annotated[Any, "Frame as ASF counts."] = None
    absolute_burst_id: Annotated[Any, "Absolute burst id."] = None
    relative_burst_id: Annotated[Any, "Relative burst id."] = None
    full_burst_id: Annotated[Any, "Full burst id, 100_213456_IW2."] = None
    opera_burst_id: Annotated[Any, "Burst id of OPERA, T100-213456-IW2."] = None
    processing_level: Annotated[Any, "SLC, GRD_HD, L1.1 ... [default: SLC of Sentinel-1, L1.1 of ALOS]"] = None
    production_configuration: Annotated[Any, "NISAR: PR (routine) or UR (urgent)."] = None
    frame_coverage: Annotated[Any, "NISAR: F (full) or P (partial)."] = None
    joint_observation: Annotated[Any, "NISAR: true or false."] = None
    main_band_polarization: Annotated[Any, "NISAR: polarisations of frequency A, HHHV."] = None
    side_band_polarization: Annotated[Any, "NISAR: polarisations of frequency B."] = None
    range_bandwidth: Annotated[Any, "NISAR: bandwidths, 20+5."] = None
    campaign: Annotated[Any, "Campaign of airborne data."] = None
    flight_line: Annotated[Any, "Flight line of airborne data."] = None
    group_id: Annotated[Any, "Group of granules."] = None
    insar_stack_id: Annotated[Any, "Stack as ASF counts."] = None
    off_nadir_angle: Annotated[Any, "Angle in degrees, or first and last."] = None
    min_doppler: Annotated[float | None, "Smallest Doppler."] = None
    max_doppler: Annotated[float | None, "Largest Doppler."] = None
    min_faraday: Annotated[float | None, "Smallest Faraday rotation, degrees."] = None
    max_faraday: Annotated[float | None, "Largest Faraday rotation, degrees."] = None
    season: Annotated[Any, "Part of every year: 12-2 or 6,7,8 (months), 11-15/02-20; above 12: days."] = None
    months: Annotated[Any, "Months of every year: 12-2, or 6,7,8."] = None
    days: Annotated[Any, "First and last day of every year: 335-60."] = None
    start: Annotated[Any, "First day or moment."] = None
    end: Annotated[Any, "Last day or moment."] = None
    processing_date: Annotated[Any, "Only what was processed since."] = None
    bbox: Annotated[Any, "Box in degrees, W,S,E,N."] = None
    region: Annotated[str | None, "Named region, or an area of the file of --intersects-with."] = None
    intersects_with: Annotated[Any, "Area: WKT, GeoJSON, a file with polygons, or W,S,E,N."] = None
    radius: Annotated[float | None, "Metres around the point of --intersects-with."] = None
    name_column: Annotated[str | None, "Column of the file with the names of areas."] = None
    granule_list: Annotated[Any, "Names of granules."] = None
    collection: Annotated[str | None, "Collection at CMR (concept id)."] = None
    max_results: Annotated[int | None, "Largest number of granules."] = None
    min_coverage: Annotated[float | None, "Leave out granules that cover less of the area, 0 to 1."] = None
    min_count: Annotated[int | None, "Leave out stacks with fewer granules."] = None
    max_count: Annotated[int | None, "At most so many of each stack, the first ones."] = None
    drop_above: Annotated[int | None, "Leave out stacks with more granules."] = None
    latest_n: Annotated[int | None, "Only the last N of each stack."] = None
    earliest_n: Annotated[int | None, "Only the first N of each stack."] = None
    output: Annotated[str, "Folder for downloads, orbits, DEM, pairs and pictures."] = "stacks"
    with_orbits: Annotated[bool, "Download the orbit file of each Sentinel-1 granule."] = False
    margin_before_s: Annotated[float, "Orbits: seconds before a granule that the file must cover."] = 60.0
    margin_after_s: Annotated[float, "Orbits: seconds after a granule that the file must cover."] = 60.0
    with_dem: Annotated[bool, "Make a DEM (Copernicus GLO-30) under each stack."] = False
    heights: Annotated[str, "Heights of the DEM above the ellipsoid or the geoid. [default: ellipsoid]"] = "ellipsoid"
    geoid: Annotated[str | None, "File with the EGM2008 geoid. [default: what PROJ finds]"] = None
    catalog: Annotated[str | None, "Catalog that takes the granules and the DEM. [default: none]"] = None
    keep_files: Annotated[bool, "Take granules into the catalog as they come, without COGs."] = False
    neighbours: Annotated[int, "Pairs: each granule with so many that follow."] = 2
    max_days: Annotated[float | None, "Pairs: longest time between two."] = None
    workers: Annotated[int, "Files at a time."] = 4

    @classmethod
    def build(
        cls, config: StackConfig | Mapping[str, Any] | str | os.PathLike[str] | None = None, **options: Any
    ) -> Self:
        """Return a checked configuration.

        Args:
            config: Another one, a table, or a TOML file (options at its top, or in a table ``stack``).
            **options: Options that go before those of ``config``; also by their names in asf_search.

        Raises:
            UsageError: An option is not known (the message names the nearest) or given twice, or the file is no TOML.
        """
        if isinstance(config, StackConfig):
            given = {f.name: getattr(config, f.name) for f in fields(cls)}
        else:
            given = _by_own_names(config if isinstance(config, Mapping) else read_table(config))
        return cls(**{**given, **_by_own_names(options)})

    @classmethod
    def from_toml(cls, path: str | os.PathLike[str]) -> Self:
        """Return the configuration of a TOML file; errors as in ``build``."""
        return cls.build(path)

    def __post_init__(self) -> None:
        """Check what can be checked before a service is asked."""
        if self.heights not in ("geoid", "ellipsoid"):
            raise UsageError(f"heights is {self.heights!r}, but geoid or ellipsoid is needed")
        seasons = [name for name in ("season", "months", "days") if getattr(self, name) is not None]
        if len(seasons) > 1:
            raise UsageError(f"{' and '.join(seasons)} each say which part of the year is meant; give one of them")
        self.season_of_year()
        if self.name is not None:
            preset_of(self.name)
        if sum(value is not None for value in (self.bbox, self.intersects_with)) > 1:
            raise UsageError("bbox and intersects_with each name the area; give one of them")

    def season_of_year(self) -> Season | None:
        """Return the part of every year that is asked for; None for the whole year.

        Raises:
            UsageError: It cannot be understood.
        """
        if self.season is not None:
            return parse_season(self.season)
        if self.months is not None:
            return months_season(self.months)
        return None if self.days is None else days_season(self.days)

    def with_preset(self) -> StackConfig:
        """Return the configuration with what its preset says of options that have their defaults.

        Raises:
            UsageError: There is no such preset.
        """
        name = self.name
        if name is None and isinstance(self.dataset, str) and self.dataset.upper() in PRESETS:
            name = self.dataset
        if name is None:
            return self
        unset = {f.name for f in fields(self) if getattr(self, f.name) == f.default} | {"name"}
        unset |= {"dataset"} if name == self.dataset else set()
        return replace(self, name=None, **{k: v for k, v in preset_of(name).items() if k in unset})

    def questions(self) -> Iterator[dict[str, Any]]:
        """Yield the conditions of each search that is needed: services take one value of an option at a time.

        Raises:
            UsageError: The lists make too many searches, or an option cannot be understood.
        """
        datasets = alternatives(self.dataset) or [""]
        if len(datasets) > 1:
            for name in datasets:
                yield from replace(self, dataset=name).questions()
            return
        base: dict[str, Any] = {"product": self._product(), "source": "asf", "group_by": None}
        for ours, theirs in (("start", "start"), ("end", "end"), ("region", "region"), ("name_column", "name_column"),
                             ("radius", "radius"),
                             ("collection", "collection"), ("max_results", "limit")):  # fmt: skip
            base[theirs] = getattr(self, ours)
        base |= {"bbox": self.bbox, "intersects": self.intersects_with}
        base["platforms"] = tuple(map(platform_of, alternatives(self.platform))) or None
        if self.granule_list is not None:
            base["ids"] = alternatives(self.granule_list)
        if self.instrument is not None:
            base["instrument"] = self.instrument
        season = self.season_of_year()
        if season is not None:
            base["months"] = season.months
        base["attributes"] = self._ranges()
        lists = {name: alternatives(getattr(self, name)) for name in (*_CONDITIONS, *_ATTRIBUTES)}
        lists["processing_level"] = lists["processing_level"] or self._level()
        chosen = {name: values for name, values in lists.items() if values}
        if len(list(product(*chosen.values()))) > _MOST_QUESTIONS:
            raise UsageError(
                f"the lists of {', '.join(chosen)} make more than {_MOST_QUESTIONS} searches; shorten them"
            )
        for values in product(*chosen.values()):
            one = {**base, "attributes": dict(base["attributes"])}
            for name, value in zip(chosen, values, strict=True):
                if name in _CONDITIONS:
                    one[_CONDITIONS[name]] = value
                else:
                    one["attributes"][_ATTRIBUTES[name]] = str(value)
            yield {key: value for key, value in one.items() if value not in (None, {})}

    def _product(self) -> str:
        name = str(alternatives(self.dataset)[0]) if alternatives(self.dataset) else ""
        if not name:
            raise UsageError("dataset is empty; SENTINEL-1, SLC-BURST, ALOS or NISAR_L2_GSLC is needed")
        if name.upper() == "NISAR":
            level = str(self.processing_level or "").upper()
            if not re.fullmatch(r"[GR][A-Z]{3}", level):
                raise UsageError("dataset NISAR needs a processing_level such as GSLC, GCOV, GUNW or RSLC")
            return f"NISAR_{'L1' if level[0] == 'R' else 'L2'}_{level}"
        if "BURST" in name.upper() and (self.frame, self.asf_frame) != (None, None):
            raise UsageError("bursts have no frame; full_burst_id (100_213456_IW2) names the place")
        return name

    def _level(self) -> list[str]:
        level = _LEVELS.get(str(alternatives(self.dataset)[0]).upper())
        return [] if level is None else [level]

    def _ranges(self) -> dict[str, str]:
        found = {}
        for name, low, high in (("doppler", self.min_doppler, self.max_doppler),
                                ("faradayRotation", self.min_faraday, self.max_faraday)):  # fmt: skip
            if low is not None or high is not None:
                found[name] = f"{'' if low is None else low}..{'' if high is None else high}"
        return found


_NAMES = {entry.name for entry in fields(StackConfig)}
_ATTRIBUTES = {snake(name): name for name in OPTIONS if snake(name) in _NAMES and snake(name) not in _CONDITIONS}


def described() -> dict[str, tuple[Any, str, Any]]:
    """Return type, meaning and default of each option."""
    hints = get_type_hints(StackConfig, include_extras=True)
    return {f.name: (hints[f.name].__origin__, hints[f.name].__metadata__[0], f.default) for f in fields(StackConfig)}


def _by_own_names(given: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in given.items():
        own = _ALIASES.get(snake(name), snake(name))
        if own not in _NAMES:
            raise UsageError(f"{name!r} is no option of a stack; {nearest(name, sorted(_NAMES))}")
        if own in found:
            raise UsageError(f"{name} and another name of {own} are given; give one of them")
        if value is not None and value != ():
            found[own] = value
    return found
