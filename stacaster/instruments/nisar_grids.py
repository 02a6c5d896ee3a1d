"""Gridded NISAR products as tables of layers: which there are, what they are called, how a granule becomes a scene.

Sources: NISAR product specifications 1.1 to 1.4 (L2 GCOV, GSLC, GUNW, GOFF); isce3, ``h5_prep.py``, for coordinates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from stacaster.errors import ReadError
from stacaster.instruments import nisar, nisar_issues
from stacaster.model import Band, BandKind, ClassValue, GranuleContent, Layer, Product, ReadOptions, Scene, SceneBand

FREQUENCIES = {"frequencyA": "", "frequencyB": "_B"}
"""Groups of the two bands of frequencies, and how the names of their assets end."""

NAN = float("nan")
"""Fill value of real and complex layers."""

# Swaths of one acquisition; the specification numbers them from 1.
_SWATHS = 5
SWATHS = (
    ClassValue(value=0, name="invalid", description="Invalid, or partly focused"),
    *(ClassValue(value=n, name=f"swath-{n}", description=f"Valid, sub-swath {n}") for n in range(1, _SWATHS + 1)),
    ClassValue(value=255, name="outside", description="Outside of the swath"),
)
"""Values of the mask of products of one acquisition."""


def _pair_class(value: int) -> ClassValue:
    water, first, second = value // 100, value // 10 % 10, value % 10
    swaths = [f"sub-swath {n}" if n else "no valid sub-swath" for n in (first, second)]
    words = f"{'Water' if water else 'Land'}, {swaths[0]} of the reference, {swaths[1]} of the secondary"
    return ClassValue(value=value, name=f"{'water' if water else 'land'}-{first}-{second}", description=words)


PAIR_CLASSES = (
    *(_pair_class(100 * water + 10 * first + second)
      for water in (0, 1) for first in range(_SWATHS + 1) for second in range(_SWATHS + 1)),
    ClassValue(value=255, name="outside", description="Outside of the data"),
)  # fmt: skip
"""Values of the mask of products of two acquisitions: one decimal digit each for water and for the two sub-swaths."""


@dataclass(frozen=True, kw_only=True)
class GridLayer:
    """One layer of a product."""

    path: str
    """Below the group of the frequency: ``unwrappedInterferogram/HH/unwrappedPhase``."""
    once: tuple[str, ...] = ()
    """Paths that other versions of the specification have for it."""
    name: str
    """Asset key at frequency A."""
    description: str
    """One phrase."""
    data_type: str = "float32"
    """NumPy name of the stored type."""
    unit: str | None = "1"
    """Unit."""
    nodata: int | float | None = NAN
    """Fill value where the file states none."""
    quantity: str | None = None
    """What is measured."""
    kind: BandKind = "continuous"
    """How values may be combined."""
    classes: tuple[ClassValue, ...] = ()
    """Values of a categorical layer."""
    resolution: float = 20.0
    """Nominal pixel size in metres at frequency A."""
    is_expected: bool = False
    """Whether every granule has it; layers of polarisations that were not acquired are no hole."""
    fields: Mapping[str, str] | None = None
    """Further fields of the asset; names of assets follow the frequency."""


def swath_mask(path: str = "mask", name: str = "mask") -> GridLayer:
    """Return the layer of validity and sub-swaths of products of one acquisition."""
    return GridLayer(
        path=path, name=name, description="Validity and sub-swath", data_type="uint8", unit=None, nodata=255,
        kind="categorical", classes=SWATHS, is_expected=True,
    )  # fmt: skip


def pair_mask(path: str, name: str, *once: str) -> GridLayer:
    """Return the layer of water and of the sub-swaths of both acquisitions."""
    return GridLayer(
        path=path, name=name, once=once, data_type="uint8", unit=None, nodata=255, kind="categorical", is_expected=True,
        description="100 * water + 10 * sub-swath of the reference + sub-swath of the secondary", classes=PAIR_CLASSES,
    )  # fmt: skip


def make_product(
    kind: str,
    layers: Sequence[GridLayer],
    *,
    frequencies: Sequence[str] = tuple(FREQUENCIES),
    title: str,
    description: str,
    keywords: Sequence[str],
    renders: Mapping[str, Mapping[str, Any]] | None = None,
    notes: Sequence[str] = (),
) -> Product:
    """Return the product of a table.

    Args:
        kind: ``GCOV``, ``GSLC``, ``GUNW`` or ``GOFF``.
        layers: The table.
        frequencies: Groups that the product has.
        title: What it is, ``geocoded polarimetric covariance``.
        description: Sentences for the collection.
        keywords: Search words beside those of all.
        renders: Named views.
        notes: What a user of the whole product has to know.
    """
    rows = {row_name(layer.name, group): (layer, group) for group in frequencies for layer in layers}
    bands = tuple(_band(name, *row) for name, row in rows.items())

    def recognise(content: GranuleContent) -> bool:
        return nisar.is_product(content, kind)

    def describe(content: GranuleContent, options: ReadOptions) -> Scene:
        return _describe(content, options, kind=kind, rows=rows, bands=bands)

    return Product(
        name=f"nisar_l2_{kind.lower()}",
        collection_id=f"nisar-l2-{kind.lower()}",
        short_name=f"NISAR_L2_{kind}",
        version="1",
        title=f"NISAR L2 {kind}: {title}",
        description=description,
        reader="hdf5_grids",
        bands=bands,
        platform="nisar",
        instruments=("l-sar",),
        processing_level="L2",
        doi=None,
        citation=f"NASA/ISRO NISAR. L2 {kind}, {title}. Alaska Satellite Facility.",
        license="other",
        providers=nisar.PROVIDERS,
        keywords=("nisar", "sar", *keywords),
        recognise=recognise,
        describe=describe,
        renders=renders or {},
        notes=tuple(notes),
    )


def row_name(name: str, group: str) -> str:
    """Return the asset key of a layer of a frequency."""
    return name + FREQUENCIES[group]


def _band(name: str, layer: GridLayer, group: str) -> Band:
    words = "" if group == "frequencyA" else ", second frequency"
    return Band(
        name=name, description=layer.description + words, data_type=layer.data_type, nodata=layer.nodata, group=group,
        resolution=layer.resolution * (1 if group == "frequencyA" else 4), unit=layer.unit, quantity=layer.quantity,
        kind=layer.kind, classes=layer.classes,
    )  # fmt: skip


def _describe(
    content: GranuleContent,
    options: ReadOptions,
    *,
    kind: str,
    rows: Mapping[str, tuple[GridLayer, str]],
    bands: Iterable[Band],
) -> Scene:
    granule = nisar.granule_id(content)
    start, end = nisar.moments(content)
    there = {layer.path.partition(f"/{kind}/grids/")[2]: layer for layer in content.layers.values()}
    groups = {path.partition("/")[0] for path in there}
    chosen: list[SceneBand] = []
    absent: dict[str, str] = {}
    known: set[str] = set()
    for band in bands:
        row, group = rows[band.name]
        layer = _layer(there, row, group)
        if layer is not None:
            known.add(layer.path)
        if layer is not None and options.subsystems and group not in options.subsystems:
            absent[band.name] = f"{group} was not asked for"
        elif layer is not None:
            chosen.append(_scene_band(content, band, row, layer))
        elif row.is_expected and group in groups:
            absent[band.name] = "the granule lacks this band"
    if not chosen:
        reasons = "; ".join(sorted(set(absent.values()))) or "it has no layer of the table of this product"
        raise ReadError(f"no band is left to ingest: {reasons}", granule=content.name)
    kept = [band for band in chosen if options.wants(band.band.name, content.layers[band.layer].name)]
    unknown = [f"left out {path}: the table of this product does not have it"
               for path in content.layers if path not in known]  # fmt: skip
    return Scene(
        id=granule,
        datetime=start,
        start_datetime=start,
        end_datetime=end,
        created=None,
        bands=tuple(chosen),
        absent=absent,
        notes=(*_notes(content, granule, kept), *unknown),
        properties=_properties(content, granule, chosen),
        extensions=("sar", "sat"),
    )


def _notes(content: GranuleContent, granule: str, kept: Sequence[SceneBand]) -> tuple[str, ...]:
    notes = [f"left out {note}" for note in content.attributes.get("skipped_layers", ())]
    if nisar.identification(content, "missionId") == "SIMULATED":
        notes.insert(0, "simulated data, not a measurement")
    lacking = nisar.lacking_times(content)
    if lacking:
        notes.append(f"the file has no identification/{' or '.join(lacking)}; the other times, and its name, count")
    notes += [
        f"{band.band.name} is stored as {content.layers[band.layer].data_type} and was written as "
        f"{band.band.data_type}, as later specifications have it"
        for band in kept if content.layers[band.layer].data_type != band.band.data_type
    ]  # fmt: skip
    return (*notes, *nisar_issues.notes(granule, [(band.band.name, band.band.group) for band in kept]))


def _properties(content: GranuleContent, granule: str, chosen: Sequence[SceneBand]) -> dict[str, Any]:
    found = nisar.properties(content, granule, nisar.polarizations(band.layer for band in chosen))
    if nisar.identification(content, "missionId") == "SIMULATED":
        found["stacaster:simulated"] = True
    if any("/SSAR/" in f"/{band.layer}" for band in chosen):
        found["instruments"] = ["s-sar"]
    return found


def _layer(there: Mapping[str, Layer], row: GridLayer, group: str) -> Layer | None:
    return next((there[f"{group}/{path}"] for path in (row.path, *row.once) if f"{group}/{path}" in there), None)


def _scene_band(content: GranuleContent, band: Band, row: GridLayer, layer: Layer) -> SceneBand:
    # The first specifications store masks with a sign and components as 32 bits: what is counted may be of any width.
    same_kind = row.kind != "continuous" and layer.data_type.lstrip("u").startswith("int")
    if layer.data_type != band.data_type and not same_kind:
        raise ReadError(f"{layer.path} is {layer.data_type}, but {band.data_type} is needed", granule=content.name)
    if layer.geobox is None:
        reason = layer.attributes.get("geobox_problem", "no reason given")
        raise ReadError(f"the place of {layer.path} on Earth is unknown: {reason}", granule=content.name)
    recoded = None
    nodata = band.nodata if layer.nodata is None else layer.nodata
    if layer.data_type != band.data_type:
        # All items of a collection hold a band in one type with one fill value.
        recoded, nodata = nodata, band.nodata
    table = replace(band, resolution=abs(float(layer.geobox.transform.a)), nodata=nodata)
    group = band.group
    fields = {key: row_name(value, group) for key, value in (row.fields or {}).items()}
    return SceneBand(band=table, layer=layer.path, geobox=layer.geobox, recoded=recoded, properties=fields)
