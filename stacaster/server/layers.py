"""What is the same for all tiles of a layer: bands, units, range; and which scenes can be drawn in it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any

from stacaster.catalog import Catalog, item_table
from stacaster.catalog.cubes import has_band
from stacaster.catalog.item_table.connection import state_of
from stacaster.server.drawing import Ranges, scene_values
from stacaster.server.pictures import Picture, formula_of, with_defaults
from stacaster.server.scenes import Scenes
from stacaster.server.tile_grid import preview_geobox

if TYPE_CHECKING:
    import pystac
    from starlette.requests import Request

_EXAMPLES = 20
_KEPT = 256
_NAMES = ("collection", "item", "search")
_PLACE = ("datetime", "ids", "filter", "filter-lang", "sortby")


class Layers:
    """Settles pictures from some scenes of a layer, once for all of its tiles.

    Args:
        catalog: The catalog.
        scenes: Finds the scenes of requests.
    """

    def __init__(self, catalog: Catalog, scenes: Scenes) -> None:
        self._catalog, self._scenes, self._ranges = catalog, scenes, Ranges()
        self._kept: OrderedDict[Any, Picture] = OrderedDict()
        self._lock = Lock()

    def settle(self, request: Request, picture: Picture, *, needs_range: bool) -> Picture | None:
        """Return a picture with bands and units, and a range where it needs one; None where there is no scene.

        Args:
            request: Names an item, a collection or a search.
            picture: What the request asks.
            needs_range: Whether values become colours.

        Raises:
            UsageError: There is nothing of what is asked in any of the scenes.
        """
        key = (
            *(request.path_params.get(name) for name in _NAMES),
            *(request.query_params.get(name) for name in _PLACE),
            picture, needs_range, state_of(self._catalog.root / item_table.DATABASE),
        )  # fmt: skip
        with self._lock:
            known = self._kept.get(key)
        if known is not None:
            return known
        examples = self._scenes.find(request, limit=_EXAMPLES)
        if not examples:
            return None
        settled = with_defaults(picture, examples, self._catalog)
        fitting = usable(examples, settled)
        if not fitting:
            # The message of the load names what there is.
            scene_values(examples[:1], preview_geobox(examples[0], 1), settled)
        if needs_range:
            settled = self._ranges.settled(settled, (fitting or examples)[0])
        with self._lock:
            self._kept[key] = settled
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return settled


def usable(items: Sequence[pystac.Item], picture: Picture) -> list[pystac.Item]:
    """Return the scenes that have all bands of a picture: night scenes have no red."""
    formula = formula_of(picture)
    bands = list(picture.bands) if formula is None else list(formula.bands)
    return [item for item in items if all(has_band(item, band) for band in bands)]
