"""Scenes that a recipe may use: where and when they are, and which tile needs which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.catalog import Catalog, item_table
from stacaster.catalog.cubes import pixel_sizes
from stacaster.catalog.item_table import DATABASE
from stacaster.cube.band_model import BandTable, assets_of
from stacaster.errors import NothingFoundError, UsageError
from stacaster.export.made import find_indices
from stacaster.geo.bbox_datetime import parse_datetime
from stacaster.tiles.grids import Tile
from stacaster.tiles.recipe import Recipe

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LEAST_METRES = 0.1
"""Pixels of degrees are smaller."""
_LOOKED_AT = 100
"""Items whose assets count where the collection lists none."""


class Scenes:
    """Scenes of a catalog that a recipe may use: boxes, keys and fingerprints, without reading an item."""

    def __init__(self, catalog: Catalog, recipe: Recipe) -> None:
        self._catalog = catalog
        names = [recipe.collection] if recipe.collection else list(catalog.collections)
        if len(names) != 1:
            raise UsageError(f"the catalog has several collections, name one: {', '.join(names)}")
        document = catalog.collection(names[0])
        assets = {key: {"roles": ["data"], **asset} for key, asset in document.get("item_assets", {}).items()}
        if not assets:
            # Of catalogs that others wrote.
            assets = assets_of(islice(catalog.search(collections=[names[0]]).items(), _LOOKED_AT))
        wanted = list(dict.fromkeys([*recipe.bands, *(band for i in find_indices(recipe.index) for band in i.bands)]))
        bands = BandTable(assets)
        # Assets that hold the bands: the item table knows those.
        self.bands = sorted({bands.bands[key].asset for key in bands.resolve(wanted or None).values()})
        self._name = names[0]
        table = item_table.run_sql(
            catalog.root / DATABASE,
            "select id, stacaster_fingerprint as mark, xmin, ymin, xmax, ymax, "
            "epoch_us(coalesce(datetime, start_datetime)) as moment from items "
            "where collection = ? and list_has_any(assets, ?) order by start_datetime, id",
            parameters=[self._name, self.bands],
        )
        ids, marks = table["id"].to_pylist(), table["mark"].to_pylist()
        used = self._used(catalog, recipe, ids)
        if not used:
            raise NothingFoundError(f"no scene of {catalog.name} fits the recipe")
        self._ids, self._marks = [ids[n] for n in used], [marks[n] for n in used]
        columns = [table[name].to_numpy()[used] for name in ("xmin", "ymin", "xmax", "ymax")]
        self._boxes, self._owner = _split(np.column_stack(columns))
        self.times = table["moment"].to_numpy()[used].astype("datetime64[us]").astype("datetime64[ns]")

    def _used(self, catalog: Catalog, recipe: Recipe, ids: Sequence[str]) -> Sequence[int]:
        """Return which rows fit time and filter."""
        if recipe.datetime is None and recipe.filter is None:
            return range(len(ids))
        moments = None if recipe.datetime is None else parse_datetime(recipe.datetime)
        query = item_table.ItemQuery(collections=[self._name], filter=recipe.filter, datetime=moments)
        fitting = {item.id for item in item_table.find_items(catalog.root / DATABASE, query)}
        return [number for number, name in enumerate(ids) if name in fitting]

    def pixel_size(self) -> float | None:
        """Return the size of the pixels of the coarsest band in metres; None where scenes do not say it in metres."""
        items = list(self._catalog.search(collections=self._name, ids=self._ids[:3]).items())
        sizes = pixel_sizes(items, [band for band in self.bands if any(band in item.assets for item in items)])
        known = [size for size in sizes.values() if _LEAST_METRES <= size < float("inf")]
        return max(known, default=None)

    def key(self, number: int) -> list[str]:
        """Return collection and id of a scene."""
        return [self._name, self._ids[number]]

    def mark(self, number: int) -> str:
        """Return what tells a scene, and each state of it, from others."""
        return f"{self._name}/{self._ids[number]}/{self._marks[number]}"

    def area(self) -> Mapping[str, Any]:
        """Return the area of all scenes, as boxes."""
        import shapely

        mapped: dict[str, Any] = shapely.geometry.mapping(shapely.union_all(shapely.box(*self._boxes.T)))
        return mapped

    def of(self, tiles: Sequence[Tile]) -> list[NDArray[np.int64]]:
        """Return the numbers of the scenes whose box meets each tile, in order of time."""
        import shapely

        tree = shapely.STRtree(list(np.atleast_1d(np.asarray(shapely.box(*self._boxes.T)))))
        boxes, owner = _split(np.array([tile.bbox for tile in tiles], dtype=float).reshape(-1, 4))
        left, right = tree.query(shapely.box(*boxes.T))
        pairs = np.unique(np.column_stack([owner[left], self._owner[right]]), axis=0)
        ends = np.searchsorted(pairs[:, 0], np.arange(len(tiles) + 1))
        return [pairs[ends[n] : ends[n + 1], 1] for n in range(len(tiles))]


def _split(boxes: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return boxes cut at the antimeridian, and which box each part is of."""
    crossing = np.flatnonzero(boxes[:, 0] > boxes[:, 2])
    west, east = boxes.copy(), boxes[crossing].copy()
    west[crossing, 2] = 180.0
    east[:, 0] = -180.0
    return np.concatenate([west, east]), np.concatenate([np.arange(len(boxes)), crossing])
