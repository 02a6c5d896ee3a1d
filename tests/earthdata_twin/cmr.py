"""CMR's granule search: conditions, paging by search-after, and what goes wrong with it."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Mapping, Sequence
from typing import Any

import shapely

from tests.earthdata_twin.records import start_of
from tests.earthdata_twin.server import Answer, Request

KNOWN = {
    "short_name", "version", "provider", "collection_concept_id", "bounding_box[]", "polygon[]", "options[polygon][or]",
    "temporal[]", "cloud_cover", "day_night_flag", "orbit_number", "readable_granule_name[]", "page_size", "sort_key[]",
    "options[readable_granule_name][pattern]", "attribute[]",
    "short_name[]", "platform[]", "instrument[]",
}  # fmt: skip


_OF_COLLECTIONS = {
    "keyword", "short_name", "options[short_name][pattern]", "version", "provider", "doi", "cloud_hosted", "page_size",
}  # fmt: skip


def collection_record(
    short_name: str, version: str, provider: str, *, start: str, title: str = "", concept: str = "",
    credentials: str | None = None, restricted: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Return a collection as CMR describes it."""
    umm: dict[str, Any] = {
        "ShortName": short_name, "Version": version, "EntryTitle": title or f"{short_name} V{version}",
        "Abstract": f"Simulated records of {short_name}.", "DOI": {"DOI": f"10.0000/{short_name}.{version}"},
        "TemporalExtents": [{"RangeDateTimes": [{"BeginningDateTime": start}]}],
    }  # fmt: skip
    if credentials is not None:
        umm["DirectDistributionInformation"] = {"Region": "us-west-2", "S3CredentialsAPIEndpoint": credentials}
    concept = concept or f"C-{short_name}-{version}"
    return {"meta": {"concept-id": concept, "provider-id": provider, "restricted": restricted}, "umm": umm}


def collections_of(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the collections that granules are of."""
    found: dict[str, dict[str, Any]] = {}
    for record in records:
        reference, meta = record["umm"]["CollectionReference"], record["meta"]
        concept = str(meta.get("collection-concept-id"))
        links = [row["URL"] for row in record["umm"]["RelatedUrls"]]
        in_cloud = any(link.startswith("s3://") for link in links)
        credentials = next((link for link in links if link.endswith("/s3credentials")), None)
        credentials = credentials or (f"https://{links[0].split('/')[2]}/s3credentials" if in_cloud else None)
        row = found.setdefault(concept, collection_record(
            reference["ShortName"], reference["Version"], meta["provider-id"], start=start_of(record), concept=concept,
            credentials=credentials))  # fmt: skip
        row["meta"]["granule-count"] = row["meta"].get("granule-count", 0) + 1
    return list(found.values())


def _is_wanted(row: Mapping[str, Any], given: Mapping[str, list[str]]) -> bool:
    umm = row["umm"]
    text = f"{umm['ShortName']} {umm['EntryTitle']} {umm.get('Abstract', '')}".lower()
    words = given.get("keyword", [""])[0].lower().split()
    plain = (("version", umm["Version"]), ("provider", row["meta"]["provider-id"]), ("doi", umm["DOI"]["DOI"]))
    in_cloud = str("DirectDistributionInformation" in umm).lower()
    return (
        all(fnmatch.fnmatch(text, f"*{word}*") for word in words)
        and fnmatch.fnmatchcase(umm["ShortName"], given.get("short_name", ["*"])[0])
        and all(given.get(key, [value])[0] == value for key, value in plain)
        and given.get("cloud_hosted", [in_cloud])[0] == in_cloud
    )


class Cmr:
    """Holds records and answers for ``cmr.earthdata.nasa.gov``."""

    def __init__(self, records: Sequence[Mapping[str, Any]]) -> None:
        self.records = sorted(records, key=start_of)
        self.script: list[Answer] = []
        """Answers that are given first, one a request."""
        self.lost: set[str] = set()
        """Concept ids that pages leave out though they are counted."""
        self.repeated = False
        """Give the last granule of a page again at the beginning of the next."""
        self.largest_in_time = 10**9
        """Pages larger than this come in part, with the time-out header."""
        self.collections: Sequence[Mapping[str, Any]] = ()
        """Further collections, as records of CMR."""
        self.tokens: set[str] = set()
        """Tokens that are good; others are refused, also for public data."""

    def __call__(self, request: Request) -> Answer:
        """Answer one search."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.script:
            return self.script.pop(0)
        if token and token not in self.tokens:
            return _error(401, "Token does not exist")
        if request.path.endswith("/collections.umm_json"):
            return self._records_of_collections(request, token)
        if request.path.endswith("/collections.json"):
            return self._collections(request.parameters)
        if "/concepts/" in request.path:
            return self._record(request.path)
        return self._granules(request)

    def _collections(self, given: Mapping[str, list[str]]) -> Answer:
        spans: dict[tuple[str, str], list[str]] = {}
        for record in self.records:
            reference = record["umm"]["CollectionReference"]
            key = (reference["ShortName"], reference["Version"])
            if given.get("short_name", [key[0]])[0] == key[0] and given.get("version", [key[1]])[0] == key[1]:
                spans.setdefault(key, []).append(start_of(record))
        entries = [{"short_name": name, "version_id": version, "time_start": min(times), "time_end": max(times)}
                   for (name, version), times in spans.items()]  # fmt: skip
        return Answer(headers={"CMR-Hits": str(len(entries))}, body=json.dumps({"feed": {"entry": entries}}).encode())

    def _records_of_collections(self, request: Request, token: str) -> Answer:
        """Answer with the collections of the granules and with ``collections``; restricted ones want a token."""
        given = request.parameters
        unknown = set(given) - _OF_COLLECTIONS
        if unknown:
            return _error(400, f"Parameter [{min(unknown)}] was not recognized.")
        known = [*collections_of(self.records), *self.collections]
        fitting = [row for row in known if _is_wanted(row, given) and (token or not row["meta"].get("restricted"))]
        size, after = int(given.get("page_size", ["10"])[0]), request.headers.get("cmr-search-after")
        first = 0 if after is None else int(json.loads(after)[2])
        page = fitting[first : first + size]
        headers = {"CMR-Hits": str(len(fitting))}
        headers |= {"CMR-Search-After": json.dumps(["lpcloud", 0, first + size])} if page else {}
        body = {"hits": len(fitting), "took": 5, "items": page}
        return Answer(headers=headers, body=json.dumps(body).encode())

    def _record(self, path: str) -> Answer:
        concept, _, revision = path.split("/concepts/")[1].removesuffix(".umm_json").partition("/")
        for record in self.records:
            meta = record["meta"]
            if meta["concept-id"] == concept and revision in ("", str(meta["revision-id"])):
                return Answer(headers={"Content-Type": "application/json"}, body=json.dumps(record["umm"]).encode())
        return _error(404, f"Concept with concept-id [{concept}] and revision-id [{revision}] does not exist.")

    def _granules(self, request: Request) -> Answer:
        given = request.parameters
        unknown = set(given) - KNOWN
        if unknown:
            return _error(400, f"Parameter [{min(unknown)}] was not recognized.")
        if not set(given) & {"short_name", "short_name[]", "provider", "collection_concept_id"}:
            return _error(400, "The CMR does not allow querying across granules in all collections.")
        found = [record for record in self.records if _matches(record, given)]
        size = int(given.get("page_size", ["10"])[0])
        if not 0 <= size <= 2000:
            return _error(400, "page_size must be a number between 0 and 2000")
        after = request.headers.get("cmr-search-after")
        first = 0 if after is None else int(json.loads(after)[2])
        page = found[max(0, first - (1 if self.repeated and first else 0)) : first + size]
        headers = {
            "Content-Type": "application/vnd.nasa.cmr.umm_results+json;version=1.6.6",
            "CMR-Hits": str(len(found)),
        }
        if size > self.largest_in_time:
            page = page[: len(page) // 2]
            headers["CMR-Timed-Out"] = "true"
        elif page and size:
            headers["CMR-Search-After"] = json.dumps(["lpcloud", 0, first + size])
        page = [record for record in page if record["meta"]["concept-id"] not in self.lost]
        body = {"hits": len(found), "took": 5, "items": page}
        return Answer(headers=headers, body=json.dumps(body).encode())


def _error(status: int, text: str) -> Answer:
    return Answer(status, {"Content-Type": "application/json"}, json.dumps({"errors": [text]}).encode())


def _matches(record: Mapping[str, Any], given: Mapping[str, list[str]]) -> bool:
    umm = record["umm"]
    return (
        _is_of(record, given)
        and all(_has(umm, text) for text in given.get("attribute[]", ()))
        and (_in_time(umm, record, given) and _touches(record, given))
    )


def _is_of(record: Mapping[str, Any], given: Mapping[str, list[str]]) -> bool:
    reference = record["umm"]["CollectionReference"]
    for key, value in (("short_name", reference.get("ShortName")), ("version", reference.get("Version")),
                       ("short_name[]", reference.get("ShortName")), ("provider", record["meta"]["provider-id"]),
                       ("collection_concept_id", record["meta"].get("collection-concept-id"))):  # fmt: skip
        if key in given and value not in given[key]:
            return False
    rows = record["umm"].get("Platforms", ())
    instruments = {part["ShortName"].upper() for row in rows for part in row.get("Instruments", ())}
    if "instrument[]" in given and not instruments & {name.upper() for name in given["instrument[]"]}:
        return False
    platforms = {row["ShortName"] for row in rows}
    return "platform[]" not in given or bool(platforms & set(given["platform[]"]))


def _in_time(umm: Mapping[str, Any], record: Mapping[str, Any], given: Mapping[str, list[str]]) -> bool:
    if "cloud_cover" in given:
        low, high = given["cloud_cover"][0].split(",")
        cover = umm.get("CloudCover")
        if cover is None or (low and cover < float(low)) or (high and cover > float(high)):
            return False
    if "temporal[]" in given:
        start, end = given["temporal[]"][0].split(",")[:2]
        moment = start_of(record)
        if (start and moment < start) or (end and moment[:19] > end[:19]):
            return False
    return True


def _has(umm: Mapping[str, Any], text: str) -> bool:
    """Compare one ``type,NAME,value`` or ``type,NAME,low,high`` with the attributes of a record."""
    kind, name, *wanted = text.split(",")
    assert kind in ("string", "int", "float", "date"), "CMR refuses other types"
    values = [v for row in umm.get("AdditionalAttributes", ()) if row["Name"] == name for v in row["Values"]]
    if len(wanted) == 1:
        return wanted[0] in values if kind == "string" else float(wanted[0]) in [float(v) for v in values]
    low, high = wanted
    return any((not low or float(v) >= float(low)) and (not high or float(v) <= float(high)) for v in values)


def _touches(record: Mapping[str, Any], given: Mapping[str, list[str]]) -> bool:
    areas = []
    for text in given.get("bounding_box[]", ()):
        west, south, east, north = (float(part) for part in text.split(","))
        spans = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
        areas.append(shapely.union_all([shapely.box(a, south, b, north) for a, b in spans]))
    for text in given.get("polygon[]", ()):
        numbers = [float(part) for part in text.split(",")]
        ring = list(zip(numbers[::2], numbers[1::2], strict=True))
        assert ring[0] == ring[-1] and shapely.LinearRing(ring).is_ccw, "CMR refuses other rings"
        areas.append(shapely.Polygon(ring))
    if not areas:
        return True
    domain = record["umm"]["SpatialExtent"]["HorizontalSpatialDomain"]
    if "Orbit" in domain:
        # The real service follows the orbit; the record says here where that leads to.
        return any(shapely.box(*record["meta"]["where"]).intersects(area) for area in areas)
    points = domain["Geometry"]["GPolygons"][0]["Boundary"]["Points"]
    shape = shapely.Polygon([(p["Longitude"], p["Latitude"]) for p in points])
    return any(shape.intersects(area) for area in areas)
