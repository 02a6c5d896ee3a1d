"""Numbers of items, collections and searches: values at a point, statistics of an area, both over time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stacaster.catalog import Catalog
from stacaster.errors import UsageError
from stacaster.server.api import body_of
from stacaster.server.areas import area_answer, area_of
from stacaster.server.drawing import require_all, scene_values
from stacaster.server.fresh import JSONResponse, fresh
from stacaster.server.layers import Layers, usable
from stacaster.server.limits import Workers
from stacaster.server.pictures import present_in, read_picture, summary
from stacaster.server.scenes import MOST_SCENES, Scenes
from stacaster.server.tile_grid import point_geobox, preview_geobox
from stacaster.server.tiles import BASES, number_of


class Numbers:
    """Values and statistics of the scenes of a catalog.

    Args:
        catalog: The catalog.
        scenes: Finds the scenes of requests.
        layers: Settles what is drawn.
        workers: Threads that read pixels.
    """

    def __init__(self, catalog: Catalog, scenes: Scenes, layers: Layers, workers: Workers) -> None:
        self._catalog, self._scenes, self._layers, self._workers = catalog, scenes, layers, workers

    def routes(self) -> list[Route]:
        """Return the paths of numbers."""
        listed = []
        for base in BASES:
            listed += [
                Route(base + "/point/{point}", fresh(self._catalog, self._point)),
                Route(base + "/statistics", self._area_statistics, methods=["POST"]),
            ]
        return [*listed, Route(BASES[0] + "/statistics", fresh(self._catalog, self._statistics))]

    async def _point(self, request: Request) -> Response:
        lon, lat = _place(request.path_params["point"])
        picture = read_picture(request.query_params)

        def answer() -> dict[str, Any]:
            around = None if "item" in request.path_params else {"type": "Point", "coordinates": [lon, lat]}
            chosen = self._layers.settle(request, picture, needs_range=False)
            items = [] if chosen is None else usable(self._all(request, around), chosen)
            if chosen is None or not items:
                return {"coordinates": [lon, lat], "values": [], "band_names": [], "series": []}
            data = scene_values(items, point_geobox(lon, lat), chosen)
            names = [str(name) for name in data.data_vars]
            grid = np.stack([np.asarray(data[name].values, np.float64)[:, 0, 0] for name in names])
            grid = np.where(present_in(data, names)[:, :, 0, 0], grid, np.nan)
            times = [str(np.datetime_as_string(time, "s")) + "Z" for time in data["time"].values]
            series = [
                {"datetime": time, "values": [_json(value) for value in grid[:, number]]}
                for number, time in enumerate(times)
            ]
            first = next((entry["values"] for entry in series if None not in entry["values"]), [None] * len(names))
            return {"coordinates": [lon, lat], "values": first, "band_names": names, "series": series}

        return JSONResponse(await self._workers.run(answer))

    def _all(self, request: Request, area: dict[str, Any] | None) -> list[Any]:
        """Return all scenes of an area: what is said of all must not be that of some."""
        if "item" not in request.path_params:
            require_all(self._scenes.count(request, area), MOST_SCENES, "a series")
        return self._scenes.find(request, area, limit=MOST_SCENES)

    async def _statistics(self, request: Request) -> Response:
        picture = read_picture(request.query_params)
        largest = number_of(request, "max_size", 1024, 4096)

        def answer() -> dict[str, Any]:
            items = self._scenes.find(request, limit=1)
            chosen = self._layers.settle(request, picture, needs_range=False)
            assert chosen is not None, "there is the item"
            data = scene_values(items, preview_geobox(items[0], largest), chosen)
            names = [str(name) for name in data.data_vars]
            present = present_in(data, names)
            return {
                name: summary(np.asarray(data[name].values, np.float64)[present[number]], present[number])
                for number, name in enumerate(names)
            }

        return JSONResponse(await self._workers.run(answer))

    async def _area_statistics(self, request: Request) -> Response:
        body = await body_of(request)
        picture, area = read_picture(request.query_params), area_of(body)
        largest = number_of(request, "max_size", 256, 1024)

        def answer() -> dict[str, Any]:
            chosen = self._layers.settle(request, picture, needs_range=False)
            place = None if "item" in request.path_params else area
            items = [] if chosen is None else usable(self._all(request, place), chosen)
            statistics: dict[str, Any] = {}
            series: list[dict[str, Any]] = []
            if items and chosen is not None:
                statistics, series = area_answer(items, area, chosen, largest=largest)
            given = body if body.get("type") == "Feature" else {"type": "Feature", "geometry": body}
            own = given.get("properties")
            properties = (own if isinstance(own, dict) else {}) | {"statistics": statistics, "series": series}
            return {"type": "Feature", "geometry": given["geometry"], "properties": properties}

        return JSONResponse(await self._workers.run(answer), media_type="application/geo+json")


def _place(text: str) -> tuple[float, float]:
    try:
        lon, lat = (float(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(f"point: LONGITUDE,LATITUDE is needed, not {text[:80]!r}") from error
    if not (abs(lon) <= 180 and abs(lat) <= 90):
        raise UsageError(f"point: {lon},{lat} lies not on the Earth")
    return lon, lat


def _json(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
