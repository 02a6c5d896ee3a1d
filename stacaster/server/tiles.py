"""Pictures of items and of searches: map tiles, previews, values at a point, statistics; in titiler's form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stacaster.catalog import Catalog, item_table
from stacaster.errors import NothingFoundError, UsageError
from stacaster.server.api import StacApi
from stacaster.server.pictures import (
    Picture,
    as_npy,
    colours,
    encode,
    formula_of,
    fused,
    present_in,
    read_picture,
    renders_of,
    summary,
    units_of,
    with_defaults,
)
from stacaster.server.queries import read_request
from stacaster.server.tile_grid import DEEPEST, point_geobox, preview_geobox, tile_bounds, tile_geobox, wmts

if TYPE_CHECKING:
    import pystac
    import xarray as xr
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

_MOSAIC_ITEMS = 30
_TYPES = {"png": "image/png", "webp": "image/webp", "jpg": "image/jpeg", "npy": "application/x-binary"}


class Tiles:
    """Pictures of the items of a catalog.

    Args:
        catalog: The catalog.
        api: Its API.
    """

    def __init__(self, catalog: Catalog, api: StacApi) -> None:
        self._catalog, self._api = catalog, api

    def routes(self) -> list[Route]:
        """Return the paths of pictures."""
        item, mosaic = "/collections/{collection}/items/{item}", "/collections/{collection}"
        listed = []
        for base in (item, mosaic):
            listed += [
                Route(base + "/tiles/WebMercatorQuad/{z:int}/{x:int}/{y:int}.{form}", self._tile),
                Route(base + "/tiles/WebMercatorQuad/{z:int}/{x:int}/{y:int}@{scale:int}x.{form}", self._tile),
                Route(base + "/tiles/{z:int}/{x:int}/{y:int}.{form}", self._tile),
                Route(base + "/WebMercatorQuad/tilejson.json", self._tilejson),
                Route(base + "/tilejson.json", self._tilejson),
                Route(base + "/WMTSCapabilities.xml", self._wmts),
                Route(base + "/point/{lon:float},{lat:float}", self._point),
                Route(base + "/point/{point}", self._point),
            ]
        listed += [
            Route(item + "/preview.{form}", self._preview),
            Route(item + "/preview", self._preview),
            Route(item + "/statistics", self._statistics),
            Route(item + "/renders", self._renders),
            Route("/indices", self._indices),
        ]
        return listed

    async def _tile(self, request: Request) -> Response:
        path = request.path_params
        form, scale = path["form"], min(int(path.get("scale", 1)), 4)
        z, x, y = path["z"], path["x"], path["y"]
        if form not in _TYPES:
            raise UsageError(f"format: one of {', '.join(_TYPES)} is needed, not {form!r}")
        if not 0 <= z <= DEEPEST or not (0 <= x < 2**z and 0 <= y < 2**z):
            raise NothingFoundError(f"there is no tile {z}/{x}/{y}")
        picture = read_picture(request.query_params)

        def draw() -> bytes | None:
            items = self._items(request, tile_bounds(z, x, y))
            return self._draw(items, tile_geobox(z, x, y, scale), picture, form) if items else None

        content = await run_in_threadpool(draw)
        if content is None and form in ("png", "webp"):
            # Maps take an answer without content for an error; a transparent tile is none.
            content = encode(np.zeros((1, 1, 4), np.uint8), form)
        return Response(status_code=204) if content is None else Response(content, media_type=_TYPES[form])

    def _items(self, request: Request, bounds: Sequence[float] | None) -> list[pystac.Item]:
        """Return the item of a request, or those of its search that touch a box, clearest first."""
        name = request.path_params["collection"]
        if name not in self._catalog.collections:
            raise NothingFoundError(f"the catalog has no collection {name!r}")
        if "item" in request.path_params:
            self._api.href(name, request.path_params["item"])
            return list(self._catalog.search(collections=[name], ids=[request.path_params["item"]]).items())
        given = {
            key: request.query_params[key]
            for key in ("datetime", "ids", "filter", "filter-lang", "sortby")
            if key in request.query_params
        }
        asked = read_request(given | {"collections": name}, collections=[name], is_body=False)
        columns = item_table.item_columns(self._catalog.root / item_table.DATABASE)
        order = asked.query.sortby or (("eo:cloud_cover",) if "cloud_cover" in columns else ())
        search = self._catalog.search(
            collections=[name],
            bbox=bounds,
            datetime=request.query_params.get("datetime"),
            ids=asked.query.ids,
            filter=asked.query.filter,
            sortby=list(order),
            limit=_MOSAIC_ITEMS,
        )
        return list(search.items())

    def _draw(self, items: Sequence[pystac.Item], geobox: GeoBox, picture: Picture, form: str) -> bytes | None:
        picture = with_defaults(picture, items, self._catalog)
        channels, valid = self._channels(items, geobox, picture)
        if not valid.any():
            return None
        if form == "npy":
            return as_npy(channels, valid)
        return encode(colours(channels, valid, picture), form)

    def _channels(
        self, items: Sequence[pystac.Item], geobox: GeoBox, picture: Picture
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return values of shape (channels, y, x), and where all of them are valid."""
        values = fused(self._values(items, geobox, picture), picture)
        valid: NDArray[np.bool_] = np.asarray(np.isfinite(values).all(axis=0))
        return values, valid

    def _values(self, items: Sequence[pystac.Item], geobox: GeoBox, picture: Picture) -> xr.Dataset:
        from stacaster import cube

        formula = formula_of(picture)
        bands = list(picture.bands) if formula is None else list(formula.bands)
        units: Any = picture.units if formula is None or picture.units != "physical" else units_of(formula, items)
        loaded: xr.Dataset = cube.load(
            items,
            bands=bands,
            geobox=geobox,
            units=units,
            groupby="id",
            mask=list(picture.mask) or None,
            resampling="nearest" if units == "dn" else "bilinear",
        )
        if formula is None:
            return loaded
        from stacaster.analysis.indices import compute_indices

        return compute_indices(loaded, [formula])

    async def _preview(self, request: Request) -> Response:
        form = request.path_params.get("form", "png")
        if form not in _TYPES:
            raise UsageError(f"format: one of {', '.join(_TYPES)} is needed, not {form!r}")
        picture, largest = read_picture(request.query_params), _number(request, "max_size", 1024, 4096)

        def draw() -> bytes | None:
            items = self._items(request, None)
            return self._draw(items, preview_geobox(items[0], largest), picture, form)

        content = await run_in_threadpool(draw)
        return Response(status_code=204) if content is None else Response(content, media_type=_TYPES[form])

    async def _point(self, request: Request) -> Response:
        path = request.path_params
        try:
            parts = path["point"].split(",") if "point" in path else [path["lon"], path["lat"]]
            lon, lat = (float(part) for part in parts)
        except ValueError as error:
            raise UsageError(f"point: LONGITUDE,LATITUDE is needed, not {path.get('point')!r}") from error
        if not (abs(lon) <= 180 and abs(lat) <= 90):
            raise UsageError(f"point: {lon},{lat} lies not on the Earth")
        picture = read_picture(request.query_params)

        def answer() -> dict[str, Any]:
            items = self._items(request, None if "item" in path else _around(lon, lat))
            if not items:
                return {"coordinates": [lon, lat], "values": [], "band_names": [], "series": []}
            chosen = with_defaults(picture, items, self._catalog)
            data = self._values(items, point_geobox(lon, lat), chosen)
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

        return JSONResponse(await run_in_threadpool(answer))

    async def _statistics(self, request: Request) -> Response:
        picture = read_picture(request.query_params)

        def answer() -> dict[str, Any]:
            items = self._items(request, None)
            chosen = with_defaults(picture, items, self._catalog)
            data = self._values(items, preview_geobox(items[0], _number(request, "max_size", 1024, 4096)), chosen)
            names = [str(name) for name in data.data_vars]
            present = present_in(data, names)
            return {
                name: summary(np.asarray(data[name].values, np.float64)[present[number]], present[number])
                for number, name in enumerate(names)
            }

        return JSONResponse(await run_in_threadpool(answer))

    async def _renders(self, request: Request) -> Response:
        items = await run_in_threadpool(self._items, request, None)
        return JSONResponse({"renders": renders_of(items, self._catalog)})

    async def _indices(self, _: Request) -> Response:
        from stacaster.analysis.indices.table import INDICES

        shown = {
            name: {
                "title": index.title,
                "expression": index.expression,
                "citation": index.citation,
                "range": index.display_range or index.valid_range,
            }
            for name, index in INDICES.items()
        }
        return JSONResponse(shown)

    async def _tilejson(self, request: Request) -> Response:
        base = str(request.url).split("?", 1)[0].removesuffix("/tilejson.json").removesuffix("/WebMercatorQuad")
        query = f"?{request.url.query}" if request.url.query else ""

        def bounds() -> list[float]:
            name = request.path_params["collection"]
            if "item" in request.path_params:
                (item,) = self._items(request, None)
                return list(item.bbox or (-180, -85, 180, 85))
            box: list[float] = self._catalog.collection(name)["extent"]["spatial"]["bbox"][0]
            return box

        if request.path_params["collection"] not in self._catalog.collections:
            raise NothingFoundError(f"the catalog has no collection {request.path_params['collection']!r}")
        tiles = f"{base}/tiles/WebMercatorQuad/{{z}}/{{x}}/{{y}}.png{query}"
        box = await run_in_threadpool(bounds)
        return JSONResponse(
            {
                "tilejson": "3.0.0",
                "version": "1.0.0",
                "scheme": "xyz",
                "tiles": [tiles],
                "minzoom": 0,
                "maxzoom": 18,
                "bounds": box,
            }
        )

    async def _wmts(self, request: Request) -> Response:
        from xml.sax.saxutils import escape

        base = str(request.url).split("?", 1)[0].removesuffix("/WMTSCapabilities.xml")
        query = f"?{request.url.query}" if request.url.query else ""
        template = escape(
            f"{base}/tiles/WebMercatorQuad/{{TileMatrix}}/{{TileCol}}/{{TileRow}}.png{query}", {'"': "&quot;"}
        )
        title = escape(request.path_params.get("item", request.path_params["collection"]))
        return Response(wmts(title, template), media_type="application/xml")


def _around(lon: float, lat: float) -> tuple[float, float, float, float]:
    return lon - 1e-9, lat - 1e-9, lon + 1e-9, lat + 1e-9


def _number(request: Request, name: str, default: int, largest: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not text.isdigit() or not 1 <= int(text) <= largest:
        raise UsageError(f"{name}: a whole number from 1 to {largest} is needed, not {text[:80]!r}")
    return int(text)


def _json(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
