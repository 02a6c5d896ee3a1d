"""An area of one granule as arrays, without a catalog: from a file, or over the network in few requests.

Decision: an area is cut in whole pixels of each band's lattice (``geo.georef.window_around``), never resampled; the
area is part of the fingerprint that decides whether a granule is converted again.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

from stacaster.errors import NothingFoundError, ReadError, UsageError
from stacaster.geo.hulls import HullOf
from stacaster.ingest.convert.band_selection import OUTSIDE, chosen, reading
from stacaster.ingest.convert.ingest_options import parse_wanted
from stacaster.ingest.convert.source import open_source
from stacaster.ingest.convert.task import ConvertTask, RemoteSource
from stacaster.model import Granule, GranuleFile
from stacaster.model.checked import checked
from stacaster.model.granule_options import ReadAreaOptions
from stacaster.model.names import Names, check_known
from stacaster.model.values import read_path
from stacaster.network.remote import choose_file, is_remote

if TYPE_CHECKING:
    import xarray as xr

NOT_GRIDDED = (
    "holds no image on the grid of a map: it is in the geometry of the radar, which is not gridded; read the geocoded "
    "product of the same acquisition (of NISAR GSLC, GCOV, GUNW or GOFF), or geocode it first"
)
"""Why pixels of a granule are not read as an area."""


@checked
def read_area(
    source: str | os.PathLike[str] | Granule | GranuleFile,
    bands: Names,
    *,
    s3: bool = False,
    **options: Unpack[ReadAreaOptions],
) -> xr.Dataset:
    """Read bands of a granule as they are stored, an area or all of them, without making a catalog.

    Args:
        source: File, address (https or s3) of an HDF5 file, or granule of a search: only what is needed is read.
        bands: Names of assets, as a list or a text with commas; their pixels lie on one grid.
        s3: Read a granule of a search from its bucket.
        **options: ``bbox``, ``intersects`` (with ``name_column``), ``region``, ``frequency``, ``split_complex`` as in
            ``ingest``.

    Returns:
        Dataset of stored numbers, dimensions (y, x), with coordinates of pixel centres, CRS, ``nodata`` and ``units``.

    Raises:
        ReadError: The granule cannot be read, has no product, or lacks the bands.
        NothingFoundError: The granule has no pixel in the area.
        UsageError: An option cannot be understood, or the bands lie on several grids.
        AuthError, FetchError: The provider refuses.

    Example:
        >>> granule = stacaster.search("NISAR_L2_GCOV", region="south_australia", latest=1)[0]  # doctest: +SKIP
        >>> area = stacaster.read_area(granule, "HHHH", bbox=(138.62, -31.15, 138.66, -31.12))  # doctest: +SKIP
    """
    import numpy as np
    import odc.geo.xr
    import xarray as xr

    from stacaster import products

    check_known("read_area", options, ReadAreaOptions, also=("bands", "s3"))
    wanted = parse_wanted(bands=bands, **options)
    task = ConvertTask.from_json(wanted)
    if is_remote(source):
        file, credentials = choose_file(source)  # type: ignore[arg-type]
        task = replace(task, remote=RemoteSource(file=file, credentials=credentials, s3=s3))
    else:
        task = replace(task, files=(str(read_path("source", source)),))
    asked = task.options
    with open_source(task) as granule:
        product = products.recognise(granule.content)
        scene = chosen(product.describe(granule.content, asked), granule.content, asked)
        if scene is None:
            raise NothingFoundError(f"{granule.content.name}: {OUTSIDE}")
        if not scene.bands or any(band.geobox.crs is None for band in scene.bands):
            raise ReadError(NOT_GRIDDED, granule=granule.content.name)
        grids = {band.geobox for band in scene.bands}
        if len(grids) > 1:
            names = ", ".join(band.band.name for band in scene.bands)
            raise UsageError(f"{names} lie on several grids; read them one by one")
        found = {}
        for band in scene.bands:
            values = np.concatenate(list(reading(granule, band, HullOf(None))()))
            found[band.band.name] = odc.geo.xr.wrap_xr(values, band.geobox, nodata=band.band.nodata)
            found[band.band.name].attrs |= {"units": band.band.unit or "1", "long_name": band.band.description}
        title = {"granule": scene.id, "datetime": scene.datetime.isoformat()}
        return xr.Dataset(found, attrs=title)
