"""Items with one asset a band and fields that can be relied on: item, then file, then the configuration of the user.

What loads, plans, samples, masks and units read of a band are the fields of these assets, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stacaster.cube.band_model.fields import BandFields, bands_of
from stacaster.cube.band_model.file_facts import facts_of_all, file_facts
from stacaster.cube.band_model.item_assets import described_assets
from stacaster.cube.band_model.names import BandTable, assets_of
from stacaster.cube.band_model.place import geobox_of
from stacaster.cube.band_model.settle import settled
from stacaster.network.transport.url_signer import sign

if TYPE_CHECKING:
    import pystac


_OF_ASSET = ("href", "type", "roles", "title", "description")
_EXTENSIONS = ["https://stac-extensions.github.io/projection/v2.0.0/schema.json"]


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """Items whose assets are bands."""

    items: list[pystac.Item]
    contradictions: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    """What item and file say differently, by item id and band."""


def with_unlisted_bands(
    items: Sequence[pystac.Item], assets: dict[str, dict[str, Any]], table: BandTable, names: Sequence[str] | None
) -> None:
    """List the bands of assets whose items do not, from the files; changes ``assets``.

    Where all names are those of assets, no other file is opened.
    """
    from stacaster.cube.band_model.fields import is_raster, says_bands

    silent = [key for key, asset in assets.items() if is_raster(asset) and not says_bands(asset) and key in table.data]
    if names is not None and all(name in assets for name in names):
        silent = [key for key in silent if key in names]
    first = {key: next((item for item in items if key in item.assets), None) for key in silent}
    addresses = {key: sign(href_of(item, key)) for key, item in first.items() if item is not None}
    facts = facts_of_all((address, False) for address in addresses.values())
    for key, address in addresses.items():
        known = facts.get(address)
        if known is not None and len(known.dtypes) - (known.alpha is not None) > 1:
            known = file_facts(address, whole=True) or known
            numbers = [n for n in range(1, len(known.dtypes) + 1) if n != known.alpha]
            names = known.names or ("",) * len(known.dtypes)
            assets[key]["bands"] = [{"name": names[n - 1]} if names[n - 1] else {} for n in numbers]


def table_of(
    items: Sequence[pystac.Item], stac_cfg: Mapping[str, Any] | None = None, names: Sequence[str] | None = None
) -> BandTable:
    """Return the bands of items, with those that only their files tell of and the aliases of a configuration.

    Args:
        items: The items.
        stac_cfg: Configuration of the user.
        names: Names that are looked for; None is any.
    """
    assets = assets_of(items)
    with_unlisted_bands(items, assets, BandTable(assets), names)
    table = BandTable(assets)
    for config in (stac_cfg or {}).values():
        if isinstance(config, Mapping):
            table.add_aliases(config.get("aliases") or {})
    return table


def prepare_items(
    items: Sequence[pystac.Item], bands: Sequence[str] | None = None, *, scales: bool = False
) -> tuple[dict[str, str], list[pystac.Item]]:
    """Return the key of each wanted band by name, and items with one asset a band.

    Raises:
        LoadError: An item says what cannot be true.
        UsageError: There is no such band.
    """
    table = table_of(items, names=bands)
    names = table.resolve(bands)
    keys = dict.fromkeys(names.values())
    return names, prepare(items, {key: table.bands[key] for key in keys}, scales=scales).items


def href_of(item: pystac.Item, key: str) -> str:
    """Return the address of an asset, as absolute as its item knows it."""
    asset = item.assets[key]
    return str(asset.get_absolute_href() or asset.href)


def prepare(
    items: Sequence[pystac.Item], bands: Mapping[str, BandFields], *, scales: bool = False, check: bool = True,
    stac_cfg: Mapping[str, Any] | None = None,
) -> Prepared:  # fmt: skip
    """Return items with one asset a band.

    Args:
        items: The items, as others wrote them.
        bands: The wanted bands by key.
        scales: Whether scale and offset are needed, for which a file is asked where its item says none.
        check: Compare all files with their items, not only those that items say too little of.
        stac_cfg: Configuration of the user, for what neither item nor file says.

    Raises:
        LoadError: An item says what cannot be true.
    """
    listed = [_own_bands(item, bands) for item in items]
    wanted = []
    for item, own in zip(items, listed, strict=True):
        for key, band in own.items():
            if check or _is_silent(band.fields) or (scales and "raster:scale" not in band.fields):
                whole = scales and "raster:scale" not in band.fields
                wanted.append(((item.id, key), (sign(href_of(item, band.asset)), whole)))
    facts = facts_of_all(pair for _, pair in wanted)
    known = {position: facts[address] for position, (address, _) in wanted}
    contradictions: dict[tuple[str, str], list[str]] = {}
    prepared = []
    for item, own in zip(items, listed, strict=True):
        config = _config_of(stac_cfg, item.collection_id)
        assets = {}
        for key, band in own.items():
            said: list[str] = []
            assets[key] = settled(item, band, known.get((item.id, key)), _entry(config, band), said)
            if said:
                contradictions[item.id, key] = said
        prepared.append(_item_of(item, own, assets))
    return Prepared(items=prepared, contradictions=contradictions)


def _own_bands(item: pystac.Item, bands: Mapping[str, BandFields]) -> dict[str, BandFields]:
    """Return the wanted bands as one item describes them."""
    described = described_assets(item)
    listed: dict[str, dict[str, BandFields]] = {}
    found = {}
    for key, band in bands.items():
        if band.asset not in described:
            continue
        if band.asset not in listed:
            own = bands_of(band.asset, described[band.asset], item.properties)
            listed[band.asset] = {entry.key: entry for entry in own}
        same = listed[band.asset]
        if key in same:
            found[key] = same[key]
        elif len(same) >= band.number:
            # Of an item that names or counts its bands differently the position decides.
            other = list(same.values())[band.number - 1]
            found[key] = BandFields(key=key, asset=band.asset, number=band.number, name=other.name,
                                    common_name=other.common_name, fields=other.fields)  # fmt: skip
        else:
            first = next(iter(same.values()))
            found[key] = BandFields(key=key, asset=band.asset, number=band.number, name=band.name,
                                    common_name=band.common_name, fields=first.fields)  # fmt: skip
    return found


def _is_silent(fields: Mapping[str, Any]) -> bool:
    return "data_type" not in fields or "nodata" not in fields or geobox_of(fields) is None


def _config_of(stac_cfg: Mapping[str, Any] | None, collection: str | None) -> Mapping[str, Any]:
    config = (stac_cfg or {}).get(collection or "_", (stac_cfg or {}).get("*", {}))
    return config.get("assets", {}) if isinstance(config, Mapping) else {}


def _entry(config: Mapping[str, Any], band: BandFields) -> Mapping[str, Any]:
    found: Mapping[str, Any] = {**config.get("*", {}), **config.get(band.asset, {}), **config.get(band.key, {})}
    return found


def _item_of(item: pystac.Item, own: Mapping[str, BandFields], assets: Mapping[str, dict[str, Any]]) -> pystac.Item:
    import pystac

    made = pystac.Item(
        item.id, item.geometry, item.bbox, item.datetime, dict(item.properties),
        start_datetime=None, stac_extensions=list(_EXTENSIONS), collection=None,
    ) if item.datetime is not None else _without_datetime(item)  # fmt: skip
    made.collection_id = item.collection_id
    for key, fields in assets.items():
        kept = {
            name: value
            for name, value in fields.items()
            if name not in ("href", "type", "roles", "title", "description")
        }
        made.assets[key] = pystac.Asset(
            href_of(item, own[key].asset), media_type=pystac.MediaType.COG, roles=["data"], extra_fields=kept
        )
        made.assets[key].set_owner(made)
    return made


def _without_datetime(item: pystac.Item) -> pystac.Item:
    import pystac

    start, end = item.common_metadata.start_datetime, item.common_metadata.end_datetime
    return pystac.Item(
        item.id,
        item.geometry,
        item.bbox,
        None,
        dict(item.properties),
        start_datetime=start,
        end_datetime=end or start,
        stac_extensions=list(_EXTENSIONS),
    )
