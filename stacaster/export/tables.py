"""Pixels as rows of a table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stacaster.export.made import Progress
from stacaster.export.planes import dimensions_of, planes_of, strips_of
from stacaster.files.atomic import complete_file
from stacaster.files.csv_files import ISO_SECONDS, write_csv

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

_ROWS = 1 << 20


def write_pixels(cube: xr.Dataset, path: Path, *, progress: Progress | None = None) -> Path:
    """Write one row a pixel and time to ``.csv`` or ``.parquet``: time, y, x and a column a variable.

    Pixels without a value in any variable are left out. A million pixels are in memory at a time.

    Args:
        cube: Dataset with dimensions (time, y, x) or (y, x).
        path: File to write; replaced when it exists.
        progress: Called after every piece.

    Returns:
        The path.

    Raises:
        SpaceError: The disk is full.
        ExportError: The file cannot be written.
    """
    with complete_file(path) as staged:
        if path.suffix.lower() == ".csv":
            for number, part in enumerate(_parts(cube, path.name, progress)):
                write_csv(part, staged, append=number > 0, date_format=ISO_SECONDS)
        else:
            _parquet(cube, staged, path.name, progress)
    return path


def _parquet(cube: xr.Dataset, staged: Path, name: str, progress: Progress | None) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer = None
    try:
        for part in _parts(cube, name, progress):
            table = pa.Table.from_pandas(part, preserve_index=False)
            writer = writer or pq.ParquetWriter(staged, table.schema, compression="zstd", write_page_checksum=True)
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()


def _parts(cube: xr.Dataset, name: str, progress: Progress | None) -> Iterator[pd.DataFrame]:
    """Yield rows, always at least one part, which may be empty."""
    vertical, horizontal = dimensions_of(cube)
    high = max(1, _ROWS // max(cube.sizes[horizontal], 1))
    times = range(cube.sizes.get("time", 1))
    strips = list(strips_of(next(planes_of(cube)).values))
    for number, time in enumerate(times):
        for step, strip in enumerate(strips, start=1):
            place = {vertical: strip}
            if "time" in cube.dims:
                place["time"] = slice(time, time + 1)
            part = cube.isel(place).compute()
            for top in range(0, part.sizes[vertical], high):
                yield _rows(part.isel({vertical: slice(top, top + high)}))
            if progress is not None:
                progress(number * len(strips) + step, len(times) * len(strips), name)


def _rows(part: xr.Dataset) -> pd.DataFrame:
    dimensions = [name for name in ("time", *dimensions_of(part)) if name in part.dims]
    beside = [name for name in part.coords if name not in dimensions]
    columns = part.drop_vars(beside).to_dataframe(dim_order=dimensions).reset_index()
    valid = np.zeros(len(columns), bool)
    for name, band in part.data_vars.items():
        nodata = band.attrs.get("nodata")
        is_there = ~columns[name].isna() if nodata is None else columns[name] != nodata
        # That there is no scene makes no row.
        valid |= (is_there & (columns[name] != 0) if name == "n_obs" else is_there).to_numpy()
        if nodata is not None:
            columns[name] = columns[name].astype("Int64").where(is_there)
    found: pd.DataFrame = columns[valid]
    return found
