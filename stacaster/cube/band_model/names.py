"""Which band a name means: asset key, ``asset.band``, name of a band, common name of any version of eo."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stacaster.cube.band_model.fields import BandFields, bands_of, count_of_bands, is_data, is_raster
from stacaster.cube.band_model.item_assets import described_assets
from stacaster.errors import UsageError, nearest
from stacaster.model.checked import checked

_LISTED = 12


class BandTable:
    """The bands of a selection of assets, by the names that people use.

    Args:
        assets: Assets by key, as plain data; of several items one entry a key.
        properties: Properties of the item, where all assets are of one.
    """

    def __init__(self, assets: Mapping[str, Mapping[str, Any]], properties: Mapping[str, Any] | None = None) -> None:
        self.assets = assets
        self.bands: dict[str, BandFields] = {}
        self._of_asset: dict[str, list[str]] = {}
        for key, asset in assets.items():
            for band in bands_of(key, asset, properties):
                self.bands[band.key] = band
                self._of_asset.setdefault(key, []).append(band.key)
        self._names = self._by_name(lambda band: [band.name])
        self._common = self._by_name(lambda band: [band.common_name])
        self._numbers = {f"{band.asset}.{band.number}": [band.key] for band in self.bands.values()}

    def _by_name(self, names_of: Any) -> dict[str, list[str]]:
        names: dict[str, list[str]] = {}
        for band in self.bands.values():
            if is_data(self.assets[band.asset]):
                for name in names_of(band):
                    if name:
                        names.setdefault(name, []).append(band.key)
        return names

    @property
    def data(self) -> list[str]:
        """Keys of the bands that ``bands=None`` takes."""
        return sorted(key for key, band in self.bands.items() if is_data(self.assets[band.asset]))

    @property
    def aliases(self) -> dict[str, str]:
        """Band keys by the names that mean one band alone, besides its key."""
        found = {
            name: keys[0]
            for table in (self._common, self._names)
            for name, known in table.items()
            if len(keys := self._preferred(known)) == 1
        }
        return {name: key for name, key in found.items() if name not in self.bands and name not in self._of_asset}

    def add_aliases(self, aliases: Mapping[str, Any]) -> None:
        """Add names that a configuration gives to assets."""
        for name, key in aliases.items():
            if str(key) in self.bands or str(key) in self._of_asset:
                self._common.setdefault(str(name), [*self._of_asset.get(str(key), [str(key)])])

    def keys_of(self, name: str) -> list[str]:
        """Return the keys that a name means: one, or all bands of an asset of several.

        Raises:
            UsageError: There is no such band, it is no raster, or the name means several.
        """
        exact = {name: [name]} if name in self.bands else {}
        for table in (exact, self._of_asset, self._numbers):
            if name in table:
                keys = list(table[name])
                asset = self.assets[self.bands[keys[0]].asset]
                if not is_raster(asset):
                    kind = asset.get("type") or "a file that is no single raster"
                    raise UsageError(f"band {name!r} is {kind}, not a raster that a cube can hold; rasters are "
                                     f"{', '.join(self.data[:_LISTED]) or 'in none of the items'}")  # fmt: skip
                return keys
        for table in (self._names, self._common):
            keys = self._preferred(table.get(name, []))
            if len(keys) == 1:
                return keys
            if keys:
                raise UsageError(f"band {name!r} can be {', '.join(keys)}; name one of them")
        known = [*self.data, *sorted(self.aliases)]
        if not known:
            raise UsageError(f"band {name!r} is in none of the selected items, whose assets are "
                             f"{', '.join(sorted(self.assets)[:_LISTED]) or 'none'}")  # fmt: skip
        raise UsageError(f"band {name!r} is in none of the selected items; {nearest(name, known)}")

    def _preferred(self, keys: Sequence[str]) -> list[str]:
        """Return the keys of a name: an asset of one band comes before a band of several, as for ``odc.stac.load``."""
        alone = [key for key in keys if key in self._of_asset]
        return alone if len(alone) == 1 else list(keys)

    def resolve(self, names: Sequence[str] | str | None) -> dict[str, str]:
        """Return the key of every wanted name.

        Raises:
            UsageError: See ``keys_of``.
        """
        if names is None:
            if not self.data:
                raise UsageError("the items have no raster with role data; name the assets to load: "
                                 f"{', '.join(sorted(self.assets)[:_LISTED]) or 'there is none'}")  # fmt: skip
            return {key: key for key in self.data}
        found: dict[str, str] = {}
        for name in [names] if isinstance(names, str) else names:
            keys = self.keys_of(name)
            found |= {name: keys[0]} if len(keys) == 1 else {key: key for key in keys}
        if not found:
            raise UsageError("bands is empty; leave it out to take every band")
        return found


@checked
def collection_config(assets: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the ``stac_cfg`` entry of one collection for ``odc.stac.load``.

    Args:
        assets: ``item_assets`` of a collection, or assets of an item, as plain data.

    Returns:
        Data type, nodata and unit of each asset as it is stored, and aliases from common names that one band has alone.
    """
    table = BandTable({key: {**asset, "roles": asset.get("roles") or ["data"]} for key, asset in assets.items()})
    entries: dict[str, dict[str, Any]] = {}
    for band in table.bands.values():
        entry = {"data_type": band.fields.get("data_type"), "nodata": band.fields.get("nodata"), "unit": "1"}
        if band.number == 1:
            # odc-stac knows one entry an asset.
            entries[band.asset] = {name: value for name, value in entry.items() if value is not None}
    common = {name: keys for name, keys in table.aliases.items() if name in table._common}
    unique = {name: key for name, key in common.items() if table.bands[key].key == table.bands[key].asset}
    return {"assets": entries, "aliases": unique, "warnings": "ignore"}


def assets_of(items: Iterable[Any]) -> dict[str, dict[str, Any]]:
    """Return all assets of items by key, as plain data; of several with one key the one that lists most bands."""
    found: dict[str, dict[str, Any]] = {}
    lengths: dict[str, int] = {}
    for item in items:
        own = {key: count_of_bands(asset.extra_fields) for key, asset in item.assets.items()}
        new = [key for key, count in own.items() if count > lengths.get(key, -1)]
        if not new:
            continue
        described = described_assets(item)
        shared = {name: item.properties[name] for name in ("proj:code", "proj:epsg") if name in item.properties}
        for key in new:
            found[key] = {**shared, **described[key]}
            lengths[key] = own[key]
    return found


def band_names(bands: str | Sequence[str] | None, assets: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return the key of every wanted name.

    Raises:
        UsageError: No item has a band of that name; the message names the nearest.
    """
    return BandTable(assets).resolve(bands)
