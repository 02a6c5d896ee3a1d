"""Averages of overviews never become the value that stands for no data, but by the smallest step upwards."""

from __future__ import annotations

import numpy as np
import pytest

from stacaster.geotiff.cog.overviews import halve


@pytest.mark.parametrize("data_type", ["uint8", "uint16", "int16", "int32", "float32"])
def test_averages_that_equal_nodata(data_type: str) -> None:
    nodata = 50
    pixels = np.array([[40, 60, 50, 50], [60, 40, 50, 50]], data_type)
    averages = halve(pixels, kind="continuous", nodata=nodata)
    above = np.nextafter(np.float32(nodata), np.float32(np.inf)) if data_type == "float32" else nodata + 1
    assert averages.dtype == data_type
    assert averages.tolist() == [[above, nodata]]


@pytest.mark.parametrize(("data_type", "nodata"), [("uint8", 0), ("uint8", 255), ("int16", -32768)])
def test_nodata_at_the_end_of_a_type_is_met_by_nothing_valid(data_type: str, nodata: int) -> None:
    pixels = np.array([[nodata, 7, nodata, nodata], [9, 8, nodata, nodata]], data_type)
    assert halve(pixels, kind="continuous", nodata=nodata).tolist() == [[8, nodata]]
