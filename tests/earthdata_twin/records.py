"""UMM-G records in the form of CMR, made for the twin."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

DATA_HOST = "data.lpdaac.earthdatacloud.nasa.gov"
BUCKET = "lp-prod-protected"


def aster_record(
    number: int,
    start: datetime,
    box: tuple[float, float, float, float],
    *,
    version: str = "003",
    produced: datetime | None = None,
    cloud_cover: float | None = 5.0,
    content: bytes = b"\x0e\x03\x13\x01 simulated",
    name: str | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """Return one AST_L1T granule as ``{"meta": ..., "umm": ...}``."""
    made = produced or datetime(2015, 5, 9, 13, 29, 31) + timedelta(seconds=number)
    stem = name or f"AST_L1T_{version}{start:%m%d%Y%H%M%S}_{made:%Y%m%d%H%M%S}_{number}"
    west, south, east, north = box
    ring = [(west, north), (west, south), (east, south), (east, north), (west, north)]
    points = [{"Longitude": x, "Latitude": y} for x, y in ring]
    file = f"{stem}.hdf"
    umm: dict[str, Any] = {
        "GranuleUR": f"SC:AST_L1T.{version}:{number}",
        "TemporalExtent": {"SingleDateTime": f"{start:%Y-%m-%dT%H:%M:%S}.534000Z"},
        "CollectionReference": {"ShortName": "AST_L1T", "Version": version},
        "SpatialExtent": {
            "HorizontalSpatialDomain": {
                "Geometry": {"GPolygons": [{"Boundary": {"Points": points}}]}
            }
        },
        "DataGranule": {
            "DayNightFlag": "Day",
            "ProductionDateTime": f"{made:%Y-%m-%dT%H:%M:%S}.000Z",
            "Identifiers": [{"Identifier": file, "IdentifierType": "ProducerGranuleId"}],
            "ArchiveAndDistributionInformation": [
                {"Name": file, "SizeInBytes": len(content), "Checksum": {"Value": hashlib.sha512(content).hexdigest(),
                                                                          "Algorithm": "SHA-512"}}
            ],
        },
        "RelatedUrls": [
            {"URL": f"https://{DATA_HOST}/{BUCKET}/AST_L1T.{version}/{stem}/{file}", "Type": "GET DATA"},
            {"URL": f"s3://{BUCKET}/AST_L1T.{version}/{stem}/{file}", "Type": "GET DATA VIA DIRECT ACCESS"},
            {"URL": f"https://{DATA_HOST}/{BUCKET}/AST_L1T.{version}/{stem}/{file}.xml", "Type": "EXTENDED METADATA"},
            {"URL": f"https://{DATA_HOST}/s3credentials", "Type": "VIEW RELATED INFORMATION"},
        ],
        "OrbitCalculatedSpatialDomains": [{"OrbitNumber": 10_000 + number}],
        "AdditionalAttributes": [{"Name": "ASTERMapProjection", "Values": ["UTM"]}],
        "ProviderDates": [{"Date": "2015-09-18T12:16:15.093Z", "Type": "Insert"}],
        "MetadataSpecification": {
            "URL": "https://cdn.earthdata.nasa.gov/umm/granule/v1.6.6",
            "Name": "UMM-G",
            "Version": "1.6.6",
        },
    }  # fmt: skip
    if cloud_cover is not None:
        umm["CloudCover"] = cloud_cover
    meta = {
        "concept-type": "granule", "concept-id": f"G{number}-LPCLOUD", "revision-id": 1,
        "collection-concept-id": f"C1-{version}", "provider-id": "LPCLOUD",
    }  # fmt: skip
    return {"meta": meta, "umm": umm | changes}


def start_of(record: Mapping[str, Any]) -> str:
    """Return the first moment of a record as text."""
    extent = record["umm"]["TemporalExtent"]
    return str(extent.get("SingleDateTime") or extent["RangeDateTime"]["BeginningDateTime"])
