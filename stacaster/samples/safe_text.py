"""The text files of simulated Sentinel-1 products: manifest, annotation, metadata of a burst."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.model import GridPoint

if TYPE_CHECKING:
    from stacaster.samples.sentinel1_scene import Sentinel1Scene

_LIGHT = 299_792_458.0
_FREQUENCY = 5.405000454334350e9
_SPACES = (
    'xmlns:safe="http://www.esa.int/safe/sentinel-1.0" xmlns:s1="http://www.esa.int/safe/sentinel-1.0/sentinel-1" '
    'xmlns:s1sarl1="http://www.esa.int/safe/sentinel-1.0/sentinel-1/sar/level-1" xmlns:gml="http://www.opengis.net/gml"'
)


def _time(moment: dt.datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}"


def _part(name: str, content: str) -> str:
    return f'<metadataObject ID="{name}"><metadataWrap><xmlData>{content}</xmlData></metadataWrap></metadataObject>'


def manifest(scene: Sentinel1Scene, kind: str, files: Mapping[str, bytes], grid: Sequence[GridPoint]) -> str:
    """Return ``manifest.safe``.

    Args:
        scene: The acquisition.
        kind: ``SLC`` or ``GRD``.
        files: Content of the files by their place.
        grid: Positions whose corners become the stated footprint.
    """
    objects = "".join(
        f'<dataObject ID="{place.rpartition("/")[2].partition(".")[0].replace("-", "")}" repID="x"><byteStream '
        f'mimeType="application/octet-stream" size="{len(content)}"><fileLocation locatorType="URL" href="./{place}"/>'
        f'<checksum checksumName="MD5">{hashlib.md5(content, usedforsecurity=False).hexdigest()}</checksum>'
        "</byteStream></dataObject>"
        for place, content in files.items()
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{_package(scene, kind, grid, objects)}\n'


def _package(scene: Sentinel1Scene, kind: str, grid: Sequence[GridPoint], objects: str) -> str:
    orbit, _ = scene.orbit()
    corners = _corners(grid)
    number = scene.absolute_orbit
    polarizations = "".join(
        f"<s1sarl1:transmitterReceiverPolarisation>{name}</s1sarl1:transmitterReceiverPolarisation>"
        for name in scene.polarizations
    )
    parts = [
        _part("processing", f'<safe:processing name="SLC Processing" start="{_time(scene.end)}" '
              f'stop="{_time(scene.end + dt.timedelta(hours=2))}"><safe:facility name="none"><safe:software '
              'name="stacaster" version="SIMULATED"/></safe:facility></safe:processing>'),
        _part("platform", "<safe:platform><safe:nssdcIdentifier>2014-016A</safe:nssdcIdentifier><safe:familyName>"
              f"SENTINEL-1</safe:familyName><safe:number>{scene.unit}</safe:number><safe:instrument><safe:familyName "
              'abbreviation="SAR">Synthetic Aperture Radar</safe:familyName><safe:extension><s1sarl1:instrumentMode>'
              "<s1sarl1:mode>IW</s1sarl1:mode></s1sarl1:instrumentMode></safe:extension></safe:instrument></safe:platform>"),
        _part("measurementOrbitReference", f'<safe:orbitReference><safe:orbitNumber type="start">{number}'
              f'</safe:orbitNumber><safe:orbitNumber type="stop">{number}</safe:orbitNumber><safe:relativeOrbitNumber '
              f'type="start">{scene.relative_orbit}</safe:relativeOrbitNumber><safe:relativeOrbitNumber type="stop">'
              f"{scene.relative_orbit}</safe:relativeOrbitNumber><safe:extension><s1:orbitProperties><s1:pass>ASCENDING"
              f"</s1:pass><s1:ascendingNodeTime>{_time(orbit.node)}</s1:ascendingNodeTime></s1:orbitProperties>"
              "</safe:extension></safe:orbitReference>"),
        _part("generalProductInformation", "<s1sarl1:standAloneProductInformation><s1sarl1:missionDataTakeID>"
              f"{scene.number}</s1sarl1:missionDataTakeID>{polarizations}<s1sarl1:productType>{kind}"
              "</s1sarl1:productType></s1sarl1:standAloneProductInformation>"),
        _part("acquisitionPeriod", f"<safe:acquisitionPeriod><safe:startTime>{_time(scene.start)}</safe:startTime>"
              f"<safe:stopTime>{_time(scene.end)}</safe:stopTime></safe:acquisitionPeriod>"),
        _part("measurementFrameSet", "<safe:frameSet><safe:frame><safe:footPrint><gml:coordinates>"
              f"{corners}</gml:coordinates></safe:footPrint></safe:frame></safe:frameSet>"),
    ]  # fmt: skip
    return (
        f'<xfdu:XFDU xmlns:xfdu="urn:ccsds:schema:xfdu:1" {_SPACES} version="esa/safe/sentinel-1.0/sentinel-1/sar/'
        f'level-1"><metadataSection>{"".join(parts)}</metadataSection><dataObjectSection>{objects}'
        "</dataObjectSection></xfdu:XFDU>"
    )


def _corners(grid: Sequence[GridPoint]) -> str:
    first, last = min(p.line for p in grid), max(p.line for p in grid)
    low, high = ([p for p in grid if p.line == line] for line in (first, last))
    four = (low[0], low[-1], high[-1], high[0])
    return " ".join(f"{point.latitude:.6f},{point.longitude:.6f}" for point in four)


def annotation(scene: Sentinel1Scene, image: Mapping[str, Any]) -> str:
    """Return the annotation of one image."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<product>{_content(scene, image)}</product>\n'


def _content(scene: Sentinel1Scene, image: Mapping[str, Any]) -> str:
    rows, cols = image["shape"]
    spacing = (image["far"] - image["near"]) / (cols - 1), scene.seconds / (rows - 1) * 6_800.0
    ground = "Slant Range" if image["kind"] == "SLC" else "Ground Range"
    looks = "".join(
        f"<{name}Processing><numberOfLooks>{number}</numberOfLooks></{name}Processing>"
        for name, number in (("range", 1 if image["kind"] == "SLC" else 5), ("azimuth", 1))
    )
    return (
        f"<adsHeader><missionId>S1{scene.unit}</missionId><productType>{image['kind']}</productType><polarisation>"
        f"{image['polarization']}</polarisation><mode>IW</mode><swath>{image['swath']}</swath><startTime>"
        f"{_time(scene.start)}</startTime><stopTime>{_time(scene.end)}</stopTime><absoluteOrbitNumber>"
        f"{scene.absolute_orbit}</absoluteOrbitNumber></adsHeader><generalAnnotation><productInformation>"
        f"<pass>Ascending</pass><projection>{ground}</projection><radarFrequency>{_FREQUENCY:.15e}</radarFrequency>"
        f"</productInformation>{_orbit_list(scene)}</generalAnnotation><imageAnnotation><imageInformation>"
        f"<rangePixelSpacing>{spacing[0]:.6e}</rangePixelSpacing><azimuthPixelSpacing>{spacing[1]:.6e}"
        f"</azimuthPixelSpacing><azimuthTimeInterval>{scene.seconds / (rows - 1):.12e}</azimuthTimeInterval>"
        f"<numberOfSamples>{cols}</numberOfSamples><numberOfLines>{rows}</numberOfLines><incidenceAngleMidSwath>"
        "3.6e+01</incidenceAngleMidSwath></imageInformation><processingInformation><swathProcParamsList>"
        f"<swathProcParams>{looks}</swathProcParams></swathProcParamsList></processingInformation></imageAnnotation>"
        f"{_bursts(scene, image)}{_grid(scene, image)}"
    )


def _orbit_list(scene: Sentinel1Scene) -> str:
    orbit, first = scene.orbit()
    # Every ten seconds, from a minute before to a minute after.
    steps = np.arange(np.floor((first - 60) / 10), np.ceil((first + scene.seconds + 60) / 10) + 1) * 10
    places, speeds = orbit.at(steps)
    rows = [
        f"<orbit><time>{_time(orbit.node + dt.timedelta(seconds=float(second)))}</time><frame>Earth Fixed</frame>"
        f"<position>{_xyz(place)}</position><velocity>{_xyz(speed)}</velocity></orbit>"
        for second, place, speed in zip(steps, places, speeds, strict=True)
    ]
    return f'<orbitList count="{len(rows)}">{"".join(rows)}</orbitList>'


def _xyz(values: Any) -> str:
    return "".join(f"<{axis}>{value:.12e}</{axis}>" for axis, value in zip("xyz", values, strict=True))


def _bursts(scene: Sentinel1Scene, image: Mapping[str, Any]) -> str:
    from stacaster.samples.sentinel1_scene import BURSTS, LINES, SAMPLES

    if image["kind"] != "SLC":
        return '<swathTiming><linesPerBurst>0</linesPerBurst><burstList count="0"/></swathTiming>'
    rows = ""
    for number in range(BURSTS):
        moment = scene.start + dt.timedelta(seconds=number * scene.seconds / BURSTS)
        rows += (
            f"<burst><azimuthTime>{_time(moment)}</azimuthTime><sensingTime>{_time(moment)}</sensingTime>"
            f'<burstId absolute="1">{scene.burst_id(number)}</burstId></burst>'
        )
    return (
        f"<swathTiming><linesPerBurst>{LINES}</linesPerBurst><samplesPerBurst>{SAMPLES}</samplesPerBurst>"
        f'<burstList count="{BURSTS}">{rows}</burstList></swathTiming>'
    )


def _grid(scene: Sentinel1Scene, image: Mapping[str, Any]) -> str:
    rows, cols = image["shape"]
    points = ""
    for p in image["grid"]:
        slant = image["near"] + (image["far"] - image["near"]) * p.pixel / (cols - 1)
        moment = scene.start + dt.timedelta(seconds=scene.seconds * p.line / (rows - 1))
        points += (
            f"<geolocationGridPoint><azimuthTime>{_time(moment)}</azimuthTime><slantRangeTime>{2 * slant / _LIGHT:.15e}"
            f"</slantRangeTime><line>{p.line:.0f}</line><pixel>{p.pixel:.0f}</pixel><latitude>{p.latitude:.15e}"
            f"</latitude><longitude>{p.longitude:.15e}</longitude><height>{p.height:.6e}</height>"
            "</geolocationGridPoint>"
        )
    count = len(image["grid"])
    listed = f'<geolocationGridPointList count="{count}">{points}</geolocationGridPointList>'
    return f"<geolocationGrid>{listed}</geolocationGrid>"


def burst(scene: Sentinel1Scene, image: Mapping[str, Any], grid: Sequence[GridPoint]) -> str:
    """Return the metadata of a burst: manifest and annotation of the scene that it was cut from."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<burst><manifest>{_package(scene, "SLC", grid, "")}</manifest>'
        f"<metadata><product><filename>{image['name']}.xml</filename><polarisation>{image['polarization']}"
        f"</polarisation><swath>{image['swath']}</swath><content>{_content(scene, image)}</content></product>"
        "</metadata></burst>\n"
    )
