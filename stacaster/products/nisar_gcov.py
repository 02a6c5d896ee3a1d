"""NISAR L2 GCOV: geocoded polarimetric covariance, radiometrically terrain corrected (gamma0), HDF5.

Backscatter is stored as linear power and stays so; sigma0 is gamma0 times ``rtcGammaToSigmaFactor``. Complex terms,
which full-covariance granules hold besides, are left out.
"""

from __future__ import annotations

from dataclasses import replace

from stacaster.errors import ReadError
from stacaster.instruments import nisar
from stacaster.model import Band, ClassValue, GranuleContent, Layer, Product, ReadOptions, Scene, SceneBand

_TERMS = ("HHHH", "HVHV", "VHVH", "VVVV", "RHRH", "RVRV")
_FREQUENCIES = {"frequencyA": "", "frequencyB": "_B"}
_NAN = float("nan")
# Swaths of one acquisition; the specification numbers them from 1.
_SWATHS = 5
_MASK = (
    ClassValue(value=0, name="invalid", description="Invalid, or partly focused"),
    *(ClassValue(value=n, name=f"swath-{n}", description=f"Valid, sub-swath {n}") for n in range(1, _SWATHS + 1)),
    ClassValue(value=255, name="outside", description="Outside of the swath"),
)


def _bands() -> tuple[Band, ...]:
    found = []
    for group, end in _FREQUENCIES.items():
        words = "main" if not end else "second"
        shared = {"group": group, "resolution": 20.0 if not end else 80.0}
        found += [
            Band(name=f"{term}{end}", description=f"Backscatter gamma0 {term[:2]}, linear power, {words} band",
                 data_type="float32", nodata=_NAN, unit="1", quantity="gamma0", **shared)  # type: ignore[arg-type]
            for term in _TERMS
        ]  # fmt: skip
        found += [
            Band(name=f"rtcGammaToSigmaFactor{end}", description="sigma0 = gamma0 * factor", data_type="float32",
                 nodata=_NAN, unit="1", quantity="factor", **shared),  # type: ignore[arg-type]
            Band(name=f"numberOfLooks{end}", description="Radar samples averaged in a pixel", data_type="float32",
                 nodata=_NAN, unit="1", quantity="looks", **shared),  # type: ignore[arg-type]
            Band(name=f"mask{end}", description="Validity and sub-swath", data_type="uint8", nodata=255,
                 kind="categorical", classes=_MASK, **shared),  # type: ignore[arg-type]
        ]  # fmt: skip
    return tuple(found)


BANDS = _bands()


def _recognise(content: GranuleContent) -> bool:
    return nisar.is_product(content, "GCOV")


def _describe(content: GranuleContent, options: ReadOptions) -> Scene:
    granule = nisar.granule_id(content)
    start, end = (nisar.moment(content, name) for name in ("zeroDopplerStartTime", "zeroDopplerEndTime"))
    chosen: list[SceneBand] = []
    absent: dict[str, str] = {}
    for band in BANDS:
        layer = _layer_of(content, band)
        if options.subsystems and band.group not in options.subsystems:
            absent[band.name] = f"{band.group} was not asked for"
        elif layer is None:
            absent[band.name] = "the granule lacks this band"
        else:
            chosen.append(_scene_band(content, band, layer))
    if not chosen:
        reasons = "; ".join(sorted(set(absent.values())))
        raise ReadError(f"no band is left to ingest: {reasons}", granule=content.name)
    terms = [band.band.name[:4] for band in chosen if band.band.quantity == "gamma0"]
    complex_terms = sorted({layer.name for layer in content.layers.values() if layer.data_type.startswith("complex")})
    notes = [f"left out {note}" for note in content.attributes.get("skipped_layers", ())]
    if complex_terms:
        notes.append(f"no asset for complex terms {', '.join(complex_terms)}")
    is_simulated = nisar.identification(content, "missionId") == "SIMULATED"
    return Scene(
        id=granule,
        datetime=start,
        start_datetime=start,
        end_datetime=end,
        created=None,
        bands=tuple(chosen),
        absent=absent,
        notes=tuple(["simulated data, not a measurement"] * is_simulated + notes),
        properties=nisar.properties(content, granule, sorted({term[:2] for term in terms}))
        | ({"stacaster:simulated": True} if is_simulated else {}),
        extensions=("sar", "sat"),
    )


def _layer_of(content: GranuleContent, band: Band) -> Layer | None:
    name = band.name.removesuffix(_FREQUENCIES[band.group])
    for layer in content.layers.values():
        if layer.name == name and layer.group.endswith(f"/GCOV/grids/{band.group}"):
            return layer
    return None


def _scene_band(content: GranuleContent, band: Band, layer: Layer) -> SceneBand:
    if layer.data_type != band.data_type:
        raise ReadError(f"{layer.path} is {layer.data_type}, but {band.data_type} is needed", granule=content.name)
    if layer.geobox is None:
        reason = layer.attributes.get("geobox_problem", "no reason given")
        raise ReadError(f"the place of {layer.path} on Earth is unknown: {reason}", granule=content.name)
    size = abs(float(layer.geobox.transform.a))
    fields = {}
    if band.quantity == "gamma0":
        fields["stacaster:sigma0_factor"] = f"rtcGammaToSigmaFactor{_FREQUENCIES[band.group]}"
    return SceneBand(
        band=replace(band, resolution=size), layer=layer.path, geobox=layer.geobox, properties=fields
    )  # fmt: skip


PRODUCT = Product(
    name="nisar_l2_gcov",
    collection_id="nisar-l2-gcov",
    short_name="NISAR_L2_GCOV",
    version="1",
    title="NISAR L2 GCOV: geocoded polarimetric covariance",
    description=(
        "One Cloud Optimized GeoTIFF per covariance term with the linear power of gamma0, unchanged. sigma0 is gamma0 "
        "* rtcGammaToSigmaFactor. Bands of the second frequency end in _B."
    ),
    reader="hdf5_grids",
    bands=BANDS,
    platform="nisar",
    instruments=("l-sar",),
    processing_level="L2",
    doi=None,
    citation="NASA/ISRO NISAR. L2 Geocoded Polarimetric Covariance. Alaska Satellite Facility.",
    license="other",
    providers=nisar.PROVIDERS,
    keywords=("nisar", "sar", "backscatter", "gamma0"),
    recognise=_recognise,
    describe=_describe,
    renders={
        "backscatter": {
            "title": "HH, HV, HH",
            "assets": ["HHHH", "HVHV", "HHHH"],
            "rescale": [[0, 0.4], [0, 0.1], [0, 0.4]],
        },
        "one-polarisation": {"title": "HH", "assets": ["HHHH"], "rescale": [[0, 0.4]]},
    },
    notes=("Complex covariance terms get no asset",),
)
