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


def nisar_record(
    number: int,
    start: datetime,
    box: tuple[float, float, float, float],
    *,
    track: int = 113,
    frame: int = 65,
    direction: str = "D",
    crid: str = "P05023",
    release: str = "PROVISIONAL_V1",
    content: bytes = b"\x89HDF\r\n\x1a\n simulated",
    cycle: int = 4,
    name: str | None = None,
) -> dict[str, Any]:
    """Return one NISAR GCOV granule with the attributes and links of ASF."""
    times = f"{start:%Y%m%dT%H%M%S}_{start + timedelta(seconds=23):%Y%m%dT%H%M%S}"
    stem = (
        name or f"NISAR_L2_PR_GCOV_{cycle:03d}_{track:03d}_{direction}_{frame:03d}_2005_QPDH_A_{times}_{crid}_N_P_J_001"
    )
    made = aster_record(number, start, box, content=content, name=stem)
    umm = made["umm"]
    host, file = "nisar.asf.earthdatacloud.nasa.gov", f"{stem}.h5"
    bucket = "sds-n-cumulus-prod-nisar-products"
    folder = f"NISAR_L2_GCOV_{release}/{stem}"
    attributes = {
        "ASCENDING_DESCENDING": "DESCENDING" if direction == "D" else "ASCENDING", "TRACK_NUMBER": str(track),
        "FRAME_NUMBER": str(frame), "FREQUENCY_A_POLARIZATION_CONCAT": "HHHV", "FULL_FRAME": "TRUE",
        "PRODUCT_TYPE": "GCOV",
    }  # fmt: skip
    umm |= {
        "GranuleUR": stem,
        "CollectionReference": {"ShortName": f"NISAR_L2_GCOV_{release}", "Version": "1"},
        "AdditionalAttributes": [{"Name": name, "Values": [value]} for name, value in attributes.items()],
        "Platforms": [{"ShortName": "NISAR"}],
        "RelatedUrls": [
            {"URL": f"https://{host}/NISAR/{folder}/{file}", "Type": "GET DATA"},
            {"URL": f"https://{host}/NISAR/{folder}/{stem}_QA_STATS.h5", "Type": "GET DATA"},
            {"URL": f"s3://{bucket}/{folder}/{file}", "Type": "GET DATA VIA DIRECT ACCESS"},
            {"URL": f"https://{host}/s3credentials", "Type": "VIEW RELATED INFORMATION"},
        ],
    }
    umm["DataGranule"]["Identifiers"] = [
        {"Identifier": stem, "IdentifierType": "ProducerGranuleId"},
        {"Identifier": crid, "IdentifierType": "CRID"},
    ]
    umm["DataGranule"]["ArchiveAndDistributionInformation"][0]["Name"] = file
    made["meta"] |= {"provider-id": "ASF", "collection-concept-id": f"C2-{release}"}
    return made


def icesat2_record(
    number: int,
    name: str,
    box: tuple[float, float, float, float],
    *,
    node: float = 150.0,
    content: bytes = b"\x89HDF\r\n\x1a\n simulated",
) -> dict[str, Any]:
    """Return one granule of ICESat-2 as NSIDC describes it: an orbit in place of a polygon, no attributes.

    Args:
        number: Number of the record.
        name: Name of the granule without its ending.
        box: Where the orbit leads; what the twin compares with areas.
        node: Longitude of the ascending node.
        content: Bytes of the file.
    """
    product, time, _, release, _ = name.split("_")
    start = datetime.strptime(time, "%Y%m%d%H%M%S")
    made = aster_record(number, start, box, content=content, name=name)
    umm = made["umm"]
    file = f"{name}.h5"
    orbit = {"AscendingCrossing": node, "StartLatitude": box[1] - 5, "StartDirection": "A", "EndLatitude": box[3] + 5,
             "EndDirection": "A"}  # fmt: skip
    end = f"{start + timedelta(minutes=6):%Y-%m-%dT%H:%M:%S}.000Z"
    umm |= {
        "GranuleUR": file,
        "CollectionReference": {"ShortName": product, "Version": release},
        "TemporalExtent": {"RangeDateTime": {"BeginningDateTime": f"{start:%Y-%m-%dT%H:%M:%S}.000Z",
                                             "EndingDateTime": end}},
        "SpatialExtent": {"HorizontalSpatialDomain": {"Orbit": orbit}},
        "AdditionalAttributes": [],
        "RelatedUrls": [
            {"URL": f"https://{DATA_HOST}/nsidc-cumulus-prod-protected/{file}", "Type": "GET DATA"},
            {"URL": f"s3://nsidc-cumulus-prod-protected/{file}", "Type": "GET DATA VIA DIRECT ACCESS"},
        ],
    }  # fmt: skip
    umm.pop("CloudCover", None)
    umm["DataGranule"]["DayNightFlag"] = "Unspecified"
    umm["DataGranule"]["Identifiers"] = [{"Identifier": file, "IdentifierType": "ProducerGranuleId"}]
    umm["DataGranule"]["ArchiveAndDistributionInformation"][0]["Name"] = file
    made["meta"] |= {"provider-id": "NSIDC_CPRD", "collection-concept-id": f"C-{product}-{release}", "where": list(box)}
    return made
