"""What a band, and an item, was made from and how: one answer for ingest, update, acquire, run and clusters.

A band has a fingerprint of its own, so that bands that are asked for later are added to an item whose other bands
stay as they are. The fingerprint of an item follows from those of its bands, in whatever order they came.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from stacaster.files.checksums import multihash
from stacaster.model import Product, ReadOptions

FORMAT = 5
"""Version of what is written for a granule; raised when the same source would give another item or other pixels."""

TABLES_FORMAT = 3
"""The same of what is written for a granule of tracks."""

FINGERPRINT = "stacaster:fingerprint"
"""Field of an item and of an asset."""

HAS_IT = "the catalog has it"
"""Why a granule is skipped."""

Change = Literal["ingested", "added", "replaced", "skipped"]
"""What becomes of an item: it is new, gets further bands, gets bands anew, or stays as it is."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What all bands of a granule have in common: the product, the bytes they come from, the area they are cut to."""

    product: str
    """Name of the product."""
    sources: tuple[str, ...]
    """Checksums of the source files, sorted."""
    area: Mapping[str, Any] | None = None
    """GeoJSON geometry that bands are cut to; None for whole bands."""
    grid: str = ""
    """Grid that swaths are put on, and how; empty for none."""
    table: str = ""
    """Digest of the table of a product that comes from a file, and may change without a new version of the package."""

    @classmethod
    def of(cls, product: Product, sources: Iterable[Mapping[str, Any]], options: ReadOptions) -> Origin:
        """Return the origin of a granule's bands.

        Args:
            product: The product.
            sources: Descriptions of the source files with their ``checksum``.
            options: What is asked of the granule: an area that bands are cut to, a grid for swaths.
        """
        checksums = sorted(str(source["checksum"]) for source in sources)
        table = _digest(repr(product.bands)) if product.is_generic else ""
        grid = "" if options.grid is None else repr(options.grid)
        return cls(product=product.name, sources=tuple(checksums), area=options.area, table=table, grid=grid)

    def band(self, name: str, profile: str) -> str:
        """Return the fingerprint of a band.

        Args:
            name: Its asset key.
            profile: Name of the COG profile.
        """
        return _digest({**self._known(), "band": name, "profile": profile})

    def files(self, options: ReadOptions) -> str:
        """Return the fingerprint of what is no band: tables of tracks, files that are kept as they come."""
        known = {**self._known(), "variables": sorted(options.variables), "whole": options.keep_files}
        return _digest({**known, "subsystems": sorted(options.subsystems), "tables": TABLES_FORMAT})

    def _known(self) -> dict[str, Any]:
        area = None if self.area is None else dict(self.area)
        known = {"format": FORMAT, "product": self.product, "sources": list(self.sources), "area": area}
        return known | ({"table": self.table} if self.table else {}) | ({"grid": self.grid} if self.grid else {})


def item_fingerprint(parts: Iterable[str]) -> str:
    """Return the fingerprint of an item from those of its bands and files."""
    return _digest(sorted(parts))


def _digest(known: Any) -> str:
    return multihash(hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest())


@dataclass(frozen=True, kw_only=True)
class BandPlan:
    """Which bands of an item are written, and which stay."""

    make: frozenset[str]
    """Bands to write."""
    keep: frozenset[str]
    """Bands that stay as they are in the catalog."""
    change: Change
    """What becomes of the item."""

    @property
    def names(self) -> frozenset[str]:
        """All bands of the item after the change."""
        return self.make | self.keep


def plan_bands(
    item: Mapping[str, Any] | None,
    origin: Origin,
    asked: Iterable[str],
    *,
    profile: str,
    profiles: Sequence[str],
    usable: Callable[[], Iterable[str]] | None = None,
) -> BandPlan:
    """Decide which bands of a granule are written.

    Bands that nobody asked for stay, as long as they come from the same bytes, cut to the same area; otherwise all
    bands of the item are made anew, so that no item mixes two deliveries of a granule.

    Args:
        item: The item as the catalog has it; None when it has none.
        origin: Where the bands would come from.
        asked: Asset keys that are asked for.
        profile: COG profile that is asked for.
        profiles: Names of all COG profiles.
        usable: Gives the asset keys of the item whose files are whole, asked only where some bands stay and others
            are written; None takes all.
    """
    wanted, prints, lost = frozenset(asked), band_fingerprints(item), frozenset[str]()
    plan = _plan(item, origin, wanted, prints, lost, profile=profile, profiles=profiles)
    if usable is None or not (plan.keep and plan.make):
        return plan
    whole = {name: prints[name] for name in usable() if name in prints}
    lost = frozenset(prints) - set(whole)
    return _plan(item, origin, wanted, whole, lost, profile=profile, profiles=profiles)


def _plan(
    item: Mapping[str, Any] | None,
    origin: Origin,
    wanted: frozenset[str],
    prints: Mapping[str, str],
    lost: frozenset[str],
    *,
    profile: str,
    profiles: Sequence[str],
) -> BandPlan:
    if item is None:
        return BandPlan(make=wanted, keep=frozenset(), change="ingested")
    if any(value not in {origin.band(name, other) for other in profiles} for name, value in prints.items()):
        return BandPlan(make=wanted | set(prints) | lost, keep=frozenset(), change="replaced")
    same = {name for name in prints if name not in wanted or prints[name] == origin.band(name, profile)}
    make = (wanted | lost) - same
    if not make:
        return BandPlan(make=make, keep=frozenset(same), change="skipped")
    replaced = bool(make & set(prints)) or bool(lost) or not prints
    return BandPlan(make=make, keep=frozenset(same), change="replaced" if replaced else "added")


def band_fingerprints(item: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the fingerprint of each band of an item, by asset key."""
    assets = {} if item is None else item.get("assets", {})
    return {name: str(asset[FINGERPRINT]) for name, asset in assets.items() if FINGERPRINT in asset}


def has_all(
    item: Mapping[str, Any], product: Product | None, options: ReadOptions, *, profile: str, profiles: Sequence[str]
) -> bool:
    """Tell before a download whether an item has all that is asked of its granule, made with the same settings.

    Args:
        item: The item as the catalog has it.
        product: Its product; None for what is no product of ours, which is only known by its id.
        options: What is asked for.
        profile: COG profile that is asked for.
        profiles: Names of all COG profiles.
    """
    sources = item.get("properties", {}).get("stacaster:sources")
    if product is None or not sources:
        return True
    prints, asked = band_fingerprints(item), asked_of(product, options)
    if not all("checksum" in source for source in sources):
        # Registered in place: its bands are the provider's files.
        return asked <= set(item.get("assets", {})) | set(absent_bands(item, product, options))
    if not any(name in item["properties"] for name in ("stacaster:swath_resampling", "stacaster:swath_fields")):
        options = replace(options, grid=None)
    origin = Origin.of(product, sources, options)
    if product.tables or options.keep_files or not prints:
        stored = item["properties"].get(FINGERPRINT)
        return bool(stored == item_fingerprint([origin.files(options)]))
    missing = asked - set(prints) - set(absent_bands(item, product, options))
    plan = plan_bands(item, origin, asked & set(prints), profile=profile, profiles=profiles)
    return not missing and plan.change == "skipped"


def asked_of(product: Product, options: ReadOptions) -> set[str]:
    """Return the asset keys of a product that options ask for, whether or not a granule has them."""
    chosen = {band for band in product.bands if not options.subsystems or band.group in options.subsystems}
    return {band.name for band in chosen if options.wants(band.name, band.name)}


def absent_bands(item: Mapping[str, Any], product: Product, options: ReadOptions) -> list[str]:
    """Return the bands that no ingest with these options would give the item, as the item says itself."""
    stated = [str(name) for name in item["properties"].get("stacaster:absent_bands", ())]
    if not options.include_swir_after_cutoff:
        return stated
    unusable = {band.name for band in product.bands if band.group == "SWIR"}
    return [name for name in stated if name not in unusable]
