"""What a run over radar stacks is asked for: one object, from arguments, from a TOML file, or from both.

Decision: the options are one typed definition (``model/stack_options.py``) from which the command is made, because this
module would cost the start of every command.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, Self, Unpack

from stacaster.access.sources.asf import OPTIONS
from stacaster.analysis.stacks import Season, days_season, months_season, parse_season
from stacaster.analysis.stacks.filtering import snake
from stacaster.errors import UsageError, nearest
from stacaster.model.stack_options import DEFAULTS, StackOptions
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
NAMES = tuple(StackOptions.__annotations__)
"""Names of the options."""


class StackConfig:
    """Options of ``find_stacks`` and ``stack``, checked; each is an attribute, None where it was not given.

    Args:
        **options: See ``stacaster.model.stack_options.StackOptions``; also by their names in asf_search.

    Raises:
        UsageError: An option is not known (the message names the nearest), given twice, or wrong.
    """

    def __init__(self, **options: Unpack[StackOptions]) -> None:
        self._options: dict[str, Any] = dict.fromkeys(NAMES) | DEFAULTS | _by_own_names(options)
        self._check()

    def __getattr__(self, name: str) -> Any:
        if name in NAMES:
            return self._options[name]
        raise AttributeError(name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StackConfig) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        return f"StackConfig({', '.join(f'{name}={value!r}' for name, value in self.to_dict().items())})"

    def to_dict(self) -> dict[str, Any]:
        """Return the options that were given."""
        return {key: value for key, value in self._options.items() if value != DEFAULTS.get(key)}

    def replaced(self, changes: Mapping[str, Any]) -> Self:
        """Return the same configuration with other options; None takes one back."""
        return type(self)(**{**self.to_dict(), **changes})

    @classmethod
    def build(
        cls,
        config: StackConfig | Mapping[str, Any] | str | os.PathLike[str] | None = None,
        **options: Unpack[StackOptions],
    ) -> Self:
        """Return a checked configuration.

        Args:
            config: Another one, a table, or a TOML file (options at its top, or in a table ``stack``).
            **options: Options that go before those of ``config``; also by their names in asf_search.

        Raises:
            UsageError: An option is not known (the message names the nearest) or given twice, or the file is no TOML.
        """
        if isinstance(config, StackConfig):
            given = config.to_dict()
        else:
            given = _by_own_names(config if isinstance(config, Mapping) else read_table(config))
        return cls(**{**given, **_by_own_names(options)})

    @classmethod
    def from_toml(cls, path: str | os.PathLike[str]) -> Self:
        """Return the configuration of a TOML file; errors as in ``build``."""
        return cls.build(path)

    def _check(self) -> None:
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
        unset = {key for key in NAMES if self._options[key] == DEFAULTS.get(key)} | {"name"}
        unset |= {"dataset"} if name == self.dataset else set()
        return self.replaced({"name": None} | {k: v for k, v in preset_of(name).items() if k in unset})

    def questions(self) -> Iterator[dict[str, Any]]:
        """Yield the conditions of each search that is needed: services take one value of an option at a time.

        Raises:
            UsageError: The lists make too many searches, or an option cannot be understood.
        """
        datasets = alternatives(self.dataset) or [""]
        if len(datasets) > 1:
            for name in datasets:
                yield from self.replaced({"dataset": name}).questions()
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


_ATTRIBUTES = {snake(name): name for name in OPTIONS if snake(name) in NAMES and snake(name) not in _CONDITIONS}


def _by_own_names(given: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in given.items():
        own = _ALIASES.get(snake(name), snake(name))
        if own not in NAMES:
            raise UsageError(f"{name!r} is no option of a stack; {nearest(name, sorted(NAMES))}")
        if own in found:
            raise UsageError(f"{name} and another name of {own} are given; give one of them")
        if value is not None and value != ():
            found[own] = value
    return found
