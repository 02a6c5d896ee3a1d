"""Terms of the field are spelled in one way in all documents."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]

TERMS = (
    "ASTER", "CMR", "COG", "Cloud Optimized GeoTIFF", "Dask", "DuckDB", "GDAL", "GeoJSON", "GeoParquet", "GeoTIFF",
    "HDF4", "HDF5", "ICESat-2", "Landsat", "MODIS", "NASA", "NISAR", "NumPy", "QGIS", "Sentinel-1", "Sentinel-2",
    "SlideRule", "Slurm", "STAC", "UTM", "VIIRS", "WKT", "Zarr",
)  # fmt: skip
"""How a term is spelled; letters of another case, or without hyphen and with a space instead, are wrong."""
ALSO_RIGHT = {"SENTINEL-1", "SENTINEL-2"}
"""Short names of products, as their provider writes them."""
WRONG = {
    r"X-?array": "xarray", r"Rio-?xarray": "rioxarray", r"ODC[- ]?STAC": "odc-stac",
    r"(?i:net-?cdf)\b(?<!netCDF)(?<!NetCDF)": "netCDF", r"no data value": "nodata value",
    r"(?i:anti-meridian)": "antimeridian", r"(?i:re-sampl\w+)": "resampling", r"(?i:over-view)": "overview",
    r"(?i:foot-print)": "footprint", r"(?i:meta-data)": "metadata", r"(?i:ortho-rectif\w+)": "orthorectified",
}  # fmt: skip
"""Other spellings that are wrong, and the right one."""


def prose(text: str) -> str:
    """Return the text without code, addresses and targets of links."""
    text = re.sub(r"```.*?```|`[^`\n]*`", " ", text, flags=re.DOTALL)
    return re.sub(r"\]\([^)]*\)|https?://\S+|<[^>\n]*>|[\w./-]*/[\w./-]+", " ", text)


def misspelled(text: str) -> list[str]:
    """Return what is wrong, with the right spelling."""
    text = prose(text)
    faults = []
    for term in TERMS:
        pattern = re.escape(term).replace(r"\-", "[- ]?").replace(r"\ ", r"[- ]")
        found = re.findall(rf"(?<![\w.-]){pattern}(?![\w-]|\.\w)", text, re.IGNORECASE)
        faults += [f"{word}: {term}" for word in found if word != term and word not in ALSO_RIGHT]
    for pattern, right in WRONG.items():
        faults += [f"{match.group()}: {right}" for match in re.finditer(rf"(?<![\w.-]){pattern}(?![\w-])", text)]
    return faults


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_terms_are_spelled_in_one_way(page: Path) -> None:
    assert misspelled(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("A Geotiff of Sentinel 2 in Xarray", 3),
        ("GeoTIFF, `geotiff`, [x](geotiff.md)", 0),
        ("Icesat-2 and numpy", 2),
        ("netCDF-4", 0),
    ],
)
def test_wrong_spellings_are_seen(text: str, count: int) -> None:
    assert len(misspelled(text)) == count
