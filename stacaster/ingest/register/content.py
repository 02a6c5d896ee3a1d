"""What the provider's files and records say of a granule, read where they lie."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from stacaster.access.sources.cmr import fetch_record
from stacaster.config import requests_at_once
from stacaster.errors import ReadError
from stacaster.formats.metadata.sidecars import parse_ecs_attributes
from stacaster.model import Granule, GranuleContent, GranuleFile, Layer
from stacaster.network.remote import open_remote

_HEADER_BYTES = 1 << 15
_ENDS = (".tif", ".tiff")


@dataclass(frozen=True, kw_only=True)
class RemoteContent:
    """Content of a granule whose files stay where they are."""

    content: GranuleContent
    """What a product needs."""
    files: Mapping[str, tuple[GranuleFile, int]]
    """File and number of the band in it, by layer."""
    counts: Mapping[str, int]
    """Number of bands by file name."""
    host: str
    """Where the files lie."""
    collection: str
    """Collection at the provider."""


def read_content(granule: Granule) -> RemoteContent:
    """Read headers and metadata of a granule.

    Raises:
        ReadError: The granule has no GeoTIFFs, or one is damaged.
        AuthError: The provider wants a login.
        FetchError: The provider does not answer.
    """
    wanted = [file for file in granule.data_files if file.name.lower().endswith(_ENDS)]
    if not wanted:
        kinds = ", ".join(sorted({Path(file.name).suffix or file.name for file in granule.data_files})) or "no data"
        raise ReadError(f"has {kinds}; only GeoTIFFs can be registered in place", granule=granule.id)
    with ThreadPoolExecutor(min(requests_at_once(4), len(wanted))) as pool:
        headers = list(pool.map(_header, wanted))
    layers: dict[str, Layer] = {}
    files: dict[str, tuple[GranuleFile, int]] = {}
    for file, found in zip(wanted, headers, strict=True):
        for number, layer in enumerate(found, start=1):
            layers[layer.path] = layer
            files[layer.path] = (file, number)
    content = GranuleContent(
        reader="geotiff_set",
        files=tuple(sorted(Path(file.name) for file in wanted)),
        layers=layers,
        sidecars=_sidecars(granule),
    )
    return RemoteContent(
        content=content,
        files=files,
        counts={file.name: len(found) for file, found in zip(wanted, headers, strict=True)},
        host=urlsplit(wanted[0].href).hostname or "the provider",
        collection=granule.collection,
    )


def _header(file: GranuleFile) -> list[Layer]:
    """Return one layer for each band; a file of one band is called by its name, bands of others by name and number."""
    import rasterio
    from odc.geo.geobox import GeoBox
    from rasterio.errors import RasterioError

    remote = open_remote(file, block_bytes=_HEADER_BYTES)
    try:
        with (
            rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"),
            rasterio.open(remote.name, driver="GTiff", opener=remote.opener) as dataset,
        ):
            geobox = None
            if dataset.crs is not None:
                geobox = GeoBox((dataset.height, dataset.width), dataset.transform, dataset.crs.to_wkt())
            count, tags = dataset.count, dict(dataset.tags())
            shape, types, fill = (dataset.height, dataset.width), dataset.dtypes, dataset.nodatavals
    except RasterioError as error:
        raise ReadError(f"cannot be opened as GeoTIFF: {error}", granule=file.name) from error
    group = file.name.rpartition(".")[0].rpartition(".")[2]
    return [
        Layer(
            path=file.name if count == 1 else f"{file.name}#{number + 1}",
            name=file.name,
            group=group,
            shape=shape,
            data_type=str(types[number]),
            nodata=fill[number],
            geobox=geobox,
            attributes=tags,
        )
        for number in range(count)
    ]


def _sidecars(granule: Granule) -> dict[str, Any]:
    """Return the UMM-G record of a CMR granule, or the STAC properties and the ``.hdf.xml`` of others."""
    if granule.source in ("cmr", "asf"):
        return {"umm": fetch_record(granule)}
    stated = {"datetime": granule.start.isoformat(), **granule.attributes}
    found: dict[str, Any] = {"stac": stated}
    for file in granule.files:
        if file.name.endswith(".hdf.xml"):
            text = open_remote(file).read().decode("utf-8", errors="replace")
            found["ecs"] = parse_ecs_attributes(text, origin=file.name)
    return found
