"""Metadata of simulated NISAR L2 granules: what the product specification lists beside the images, small and made up.

Source of names, types and shapes: NISAR product specifications 1.1.0 to 1.4.0 (L2 GCOV, GSLC, GUNW).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.samples.nisar_identification import polygon

if TYPE_CHECKING:
    from stacaster.samples.nisar_scene import NisarScene

# Products (C of covariance, S of single looks, U of pairs), group, type with axes, names. ``*`` stands for the letter
# of each frequency, ``**`` for each polarisation, ``{pair}`` for both acquisitions. Types: text (s), those of NumPy.
_TABLE = """
CS  ceosAnalysisReadyData s boundingBox ceosAnalysisReadyDataProductType ceosAnalysisReadyDataDocumentIdentifier
C   ceosAnalysisReadyData s outputBackscatterDecibelConversionFormula
CS  ceosAnalysisReadyData/geometricAccuracy/bias f4 y x
CS  ceosAnalysisReadyData/geometricAccuracy/standardDeviation f4 y x
CS  radarGrid f8:cube slantRange zeroDopplerAzimuthTime
CSU radarGrid f8:cube groundTrackVelocity
CSU radarGrid f4:cube incidenceAngle losUnitVectorX losUnitVectorY alongTrackUnitVectorX alongTrackUnitVectorY
    elevationAngle
CSU radarGrid u4 projection
CSU radarGrid f8:x xCoordinates
CSU radarGrid f8:y yCoordinates
CSU radarGrid f8:h heightAboveEllipsoid
CS  calibrationInformation/frequency*/elevationAntennaPattern u4 projection
CS  calibrationInformation/frequency*/elevationAntennaPattern f8:y yCoordinates
CS  calibrationInformation/frequency*/elevationAntennaPattern f8:x xCoordinates
CS  calibrationInformation/frequency*/elevationAntennaPattern c8:yx **
CS  calibrationInformation/frequency*/noiseEquivalentBackscatter u4 projection
CS  calibrationInformation/frequency*/noiseEquivalentBackscatter f8:y yCoordinates
CS  calibrationInformation/frequency*/noiseEquivalentBackscatter f8:x xCoordinates
CS  calibrationInformation/frequency*/noiseEquivalentBackscatter f4:yx **
CS  calibrationInformation/crosstalk u4 projection
CS  calibrationInformation/crosstalk f8:y yCoordinates
CS  calibrationInformation/crosstalk f8:x xCoordinates
CS  calibrationInformation/crosstalk c8:yx txHorizontalCrosspol txVerticalCrosspol rxHorizontalCrosspol
    rxVerticalCrosspol
CS  calibrationInformation/frequency* f8 commonDelay faradayRotation
CS  calibrationInformation/frequency*/** f8 rfiLikelihood differentialDelay differentialPhase scaleFactor
    scaleFactorSlope
C   processingInformation/parameters s noiseCorrectionApplied preprocessingMultilookingApplied
    polarizationOrientationCorrectionApplied faradayRotationApplied radiometricTerrainCorrectionApplied
    postProcessingFilteringApplied isFullCovariance validSamplesSubSwathMaskingApplied shadowMaskingApplied
    polarimetricSymmetrizationApplied
CS  processingInformation/parameters s dryTroposphericGeolocationCorrectionApplied
    wetTroposphericGeolocationCorrectionApplied rangeIonosphericGeolocationCorrectionApplied
    azimuthIonosphericGeolocationCorrectionApplied rfiMitigationApplied
CSU processingInformation/parameters s runConfigurationContents
C   processingInformation/parameters/preprocessing/frequency* u8 numberOfRangeLooks numberOfAzimuthLooks
C   processingInformation/parameters/rtc s inputBackscatterNormalizationConvention
    outputBackscatterNormalizationConvention outputBackscatterExpressionConvention memoryMode
C   processingInformation/parameters/rtc f8 minRtcAreaNormalizationFactorInDB geogridUpsampling
C   processingInformation/parameters/geocoding s memoryMode isSourceDataUpsampled
C   processingInformation/parameters/geocoding f8 geogridUpsampling
C   processingInformation/parameters/geocoding u8 minBlockSize maxBlockSize
C   processingInformation/parameters/geo2rdr f8 convergenceThreshold deltaRange
C   processingInformation/parameters/geo2rdr u8 maxNumberOfIterations
CS  processingInformation/parameters u4 projection
CS  processingInformation/parameters f8:y yCoordinates
CS  processingInformation/parameters f8:x xCoordinates
CS  processingInformation/parameters f4:yx referenceTerrainHeight
CS  processingInformation/parameters/frequency* u4 projection
CS  processingInformation/parameters/frequency* f8:y yCoordinates
CS  processingInformation/parameters/frequency* f8:x xCoordinates
CS  processingInformation/parameters/frequency* f8:yx dopplerCentroid
CS  processingInformation/algorithms s demInterpolation geocoding
C   processingInformation/algorithms s radiometricTerrainCorrection polarimetricSymmetrization
    radiometricTerrainCorrectionAlgorithmReference geocodingAlgorithmReference
CSU processingInformation/algorithms s softwareVersion
C   processingInformation/timingCorrections/frequency* u4 projection
C   processingInformation/timingCorrections/frequency* f8:y yCoordinates
C   processingInformation/timingCorrections/frequency* f8:x xCoordinates
C   processingInformation/timingCorrections/frequency* f8:yx azimuthIonosphere slantRangeIonosphere
CS  orbit s interpMethod orbitType
CS  orbit f8:t time
CS  orbit f8:t3 position velocity
CS  attitude f8:t time
CS  attitude f8:t4 quaternions
CS  attitude f8:t3 eulerAngles
CS  attitude s attitudeType
CS  processingInformation/inputs s:1 l1SlcGranules tecFiles
CSU processingInformation/inputs s:1 orbitFiles configFiles
CSU processingInformation/inputs s demSource
CS  sourceData s productDoi productVersion lookDirection productLevel productGeometry processingDateTime
    processingCenter productType granuleId
CS  sourceData/processingInformation/parameters s runConfigurationContents
CS  sourceData/processingInformation/parameters f4:t referenceTerrainHeight
CS  sourceData/processingInformation/parameters f8:t zeroDopplerTime
CS  sourceData/processingInformation/parameters f8:r slantRange
CS  sourceData/processingInformation/parameters/frequency* f8:t zeroDopplerTime
CS  sourceData/processingInformation/parameters/frequency* f8:r slantRange
CS  sourceData/processingInformation/parameters/frequency* f8:tr dopplerCentroid
CS  sourceData/processingInformation/algorithms s rfiDetection rfiMitigation rangeCompression
    elevationAntennaPatternCorrection rangeSpreadingLossCorrection dopplerCentroidEstimation azimuthPresumming
    azimuthCompression softwareVersion
CS  sourceData/swaths s zeroDopplerStartTime zeroDopplerEndTime
CS  sourceData/swaths f8 zeroDopplerTimeSpacing
CS  sourceData/swaths u8 numberOfAzimuthLines
CS  sourceData/swaths/frequency* s:1 listOfPolarizations
CS  sourceData/swaths/frequency* f8 sceneCenterAlongTrackResolution rangeResolution sceneCenterAlongTrackSpacing
    sceneCenterGroundRangeSpacing acquiredRangeBandwidth processedRangeBandwidth processedAzimuthBandwidth
    centerFrequency slantRangeStart slantRangeSpacing nearRangeIncidenceAngle farRangeIncidenceAngle
CS  sourceData/swaths/frequency* u8 numberOfRangeSamples
S   calibrationInformation/geometry u4 projection
S   calibrationInformation/geometry f8:y yCoordinates
S   calibrationInformation/geometry f8:x xCoordinates
S   calibrationInformation/geometry f4:yx beta0 sigma0 gamma0
S   processingInformation/parameters f4:r azimuthChirpWeighting rangeChirpWeighting
S   processingInformation/parameters s ellipsoidalFlatteningApplied topographicFlatteningApplied
S   processingInformation/timingCorrections/frequency* f8:tr azimuthIonosphere slantRangeIonosphere
    slantRangeSolidEarthTides
S   processingInformation/timingCorrections/frequency* f8:r slantRange
S   processingInformation/timingCorrections/frequency* f8 slantRangeSpacing zeroDopplerTimeSpacing
S   processingInformation/timingCorrections/frequency* f8:t zeroDopplerTime
U   radarGrid f8:cube referenceSlantRange hydrostaticTroposphericPhaseScreen wetTroposphericPhaseScreen
    slantRangeSolidEarthTidesPhase referenceZeroDopplerAzimuthTime secondaryZeroDopplerAzimuthTime
    secondarySlantRange
U   radarGrid f4:cube parallelBaseline perpendicularBaseline
U   processingInformation/parameters/{pair} s rfiMitigationApplied rfiMitigation isMixedMode
U   processingInformation/parameters/{pair} f4:yx referenceTerrainHeight
U   processingInformation/parameters/{pair}/frequency* f8 slantRangeStart slantRangeSpacing
    zeroDopplerTimeSpacing rangeBandwidth azimuthBandwidth
U   processingInformation/parameters/{pair}/frequency* u8 numberOfRangeSamples numberOfAzimuthLines
U   processingInformation/parameters/{pair}/frequency* s zeroDopplerStartTime zeroDopplerEndTime
U   processingInformation/parameters/{pair}/frequency* f8:yx dopplerCentroid
U   processingInformation/parameters/common/frequency* f8:yx dopplerCentroid
U   processingInformation/parameters/common/frequency* f8 dopplerBandwidth
U   processingInformation/parameters/wrappedInterferogram/frequency* f8 rangeBandwidth azimuthBandwidth
U   processingInformation/parameters/wrappedInterferogram/frequency* s commonBandRangeFilterApplied
    commonBandAzimuthFilterApplied ellipsoidalFlatteningApplied topographicFlatteningApplied
U   processingInformation/parameters/wrappedInterferogram/frequency* u4 numberOfRangeLooks numberOfAzimuthLooks
U   processingInformation/parameters/unwrappedInterferogram/frequency* f8 rangeBandwidth azimuthBandwidth
U   processingInformation/parameters/unwrappedInterferogram/frequency* s commonBandRangeFilterApplied
    commonBandAzimuthFilterApplied ellipsoidalFlatteningApplied topographicFlatteningApplied
U   processingInformation/parameters/unwrappedInterferogram/frequency* u4 numberOfRangeLooks
    numberOfAzimuthLooks
U   processingInformation/parameters/ionosphere f4 lowBandBandwidth highBandBandwidth
U   processingInformation/parameters/geocoding s rangeIonosphericCorrectionApplied
    azimuthIonosphericCorrectionApplied hydrostaticTroposphericCorrectionApplied
    wetTroposphericCorrectionApplied
U   processingInformation/parameters/pixelOffsets/frequency* u4 alongTrackWindowSize slantRangeWindowSize
    alongTrackSearchWindowSize slantRangeSearchWindowSize alongTrackSkipWindowSize slantRangeSkipWindowSize
    correlationSurfaceOversampling
U   processingInformation/parameters/pixelOffsets/frequency* s isOffsetsBlendingApplied
U   orbit u2 temporalBaseline
U   orbit/{pair} s interpMethod orbitType
U   orbit/{pair} f8:t time
U   orbit/{pair} f8:t3 position velocity
U   attitude/{pair} f8:t time
U   attitude/{pair} f8:t4 quaternions
U   attitude/{pair} f8:t3 eulerAngles
U   attitude/{pair} s attitudeType
U   processingInformation/algorithms/coregistration s coregistrationMethod geometryCoregistration
    crossCorrelation resampling crossCorrelationOutliers crossCorrelationFilling crossCorrelationFilterKernel
U   processingInformation/algorithms/interferogramFormation s multilooking wrappedInterferogramFiltering
    flatteningMethod
U   processingInformation/algorithms/unwrapping s unwrappingAlgorithm unwrappingInitializer costMode
U   processingInformation/algorithms/unwrapping/preprocessing s wrappedPhaseOutliers wrappedPhaseFilling
U   processingInformation/algorithms/ionosphereEstimation s ionosphereAlgorithm ionosphereOutliers
    ionosphereFilling ionosphereFiltering unwrappingErrorCorrection
U   processingInformation/algorithms/geocoding s demInterpolation floatingGeocodingInterpolation
    integerGeocodingInterpolation complexGeocodingInterpolation
U   processingInformation/inputs s:1 l1ReferenceSlcGranules l1SecondarySlcGranules
U   processingInformation/inputs s waterMaskSource
"""
_LETTERS = {"GCOV": "C", "GSLC": "S", "GUNW": "U", "GOFF": "U"}
_SIZES = {"x": 5, "y": 4, "h": 3, "t": 6, "r": 5, "1": 1, "3": 3, "4": 4}
_AXES = {"cube": "hyx"}
# Values by name; others are 0, and texts "simulated".
_VALUES = {
    "slantRange": 900_000.0, "referenceSlantRange": 900_000.0, "secondarySlantRange": 900_100.0, "slantRangeStart": 9e5,
    "incidenceAngle": 38.0, "elevationAngle": 33.0, "losUnitVectorX": 0.6, "losUnitVectorY": 0.1,
    "alongTrackUnitVectorX": -0.2, "alongTrackUnitVectorY": -0.98, "groundTrackVelocity": 6_800.0,
    "centerFrequency": 1.257e9, "scaleFactor": 1.0,
    "noiseEquivalentBackscatter": 0.001, "beta0": 1.0, "sigma0": 1.2, "gamma0": 1.1, "temporalBaseline": 12,
    "perpendicularBaseline": 40.0, "parallelBaseline": -15.0,
}  # fmt: skip
_NAMED = {
    "lookDirection": "Left", "productLevel": "L1", "productType": "RSLC",
    "outputBackscatterNormalizationConvention": "gamma0", "inputBackscatterNormalizationConvention": "beta0",
    "outputBackscatterExpressionConvention": "backscatter intensity (linear)",
    "orbitType": "MOE", "attitudeType": "FRP", "interpMethod": "Hermite", "demSource": "Copernicus DEM GLO-30",
}  # fmt: skip


def write_metadata(group: Any, scene: NisarScene, corners: tuple[float, float, float, float]) -> None:
    """Write the group ``metadata`` of a product.

    Args:
        group: The group.
        scene: The acquisition.
        corners: First and last easting, first and last northing of the granule.
    """
    places = {"x": np.linspace(*corners[:2], _SIZES["x"]), "y": np.linspace(*corners[2:], _SIZES["y"]),
              "h": np.linspace(-500.0, 3500.0, _SIZES["h"])}  # fmt: skip
    if scene.is_pair:
        for name, start in (("reference", scene.start), ("secondary", scene.second)):
            write_orbit(group.create_group(f"orbit/{name}"), start)
    else:
        write_orbit(group.create_group("orbit"), scene.start)
    named = {"xCoordinates": "x", "yCoordinates": "y", "heightAboveEllipsoid": "h"}
    for path, kind, axes in _rows(scene):
        name = path.rpartition("/")[2]
        if path in group:
            continue
        if name == "projection":
            group.create_dataset(path, data=np.uint32(scene.epsg))
        elif kind == "s":
            text = np.bytes_(_text(name, scene))
            group.create_dataset(path, data=np.array([text]) if axes else text)
        elif name in named:
            group.create_dataset(path, data=places[named[name]])
        else:
            shape = tuple(_SIZES[axis] for axis in axes)
            above = path.split("/")[-2] if "/" in path else ""
            value = _VALUES.get(name, _VALUES.get(above, 0.0))
            group.create_dataset(path, data=np.full(shape, value, dtype=kind) if axes else np.array(value, dtype=kind))


def _rows(scene: NisarScene) -> Iterator[tuple[str, str, str]]:
    """Yield path, type and axes of everything that a granule has."""
    seen = {term[n : n + 2] for term in scene.terms for n in (0, 2)} if scene.kind == "GCOV" else {*scene.polarizations}
    letters = "A" if scene.is_pair else "AB"
    for line in _TABLE.strip().replace("\n    ", " ").splitlines():
        products, group, typed, *names = line.split()
        if _LETTERS[scene.kind] not in products:
            continue
        kind, _, axes = typed.partition(":")
        for letter in letters if "*" in group.replace("**", "") else letters[:1]:
            for pair in ("reference", "secondary") if "{pair}" in group else ("",):
                inside = group.replace("frequency*", f"frequency{letter}").replace("{pair}", pair)
                for name in names:
                    for part in sorted(seen) if "**" in inside + name else ("",):
                        path = f"{inside}/{name}".replace("**", part)
                        yield _of_version(path, scene), kind, _AXES.get(axes, axes)


def _of_version(path: str, scene: NisarScene) -> str:
    """Return a path as the version of the specification spells it."""
    if scene.specification < "1.2":
        path = path.replace("noiseEquivalentBackscatter", "nes0").replace(
            "rfiMitigationApplied", "rfiCorrectionApplied"
        )
    return path


def _text(name: str, scene: NisarScene) -> str:
    if name in _NAMED:
        return _NAMED[name]
    if name == "boundingBox":
        return polygon()
    if name.endswith("Applied") or name.startswith("is"):
        return "True"
    if name.endswith("Time"):
        return f"{scene.start:%Y-%m-%dT%H:%M:%S}.000000000"
    return "simulated"


def write_orbit(group: Any, start: dt.datetime) -> None:
    """Write state vectors around a moment, as they are in a plausible orbit.

    Args:
        group: The group.
        start: The moment.
    """
    from stacaster.samples.radar_geometry import orbit_over

    orbit, first = orbit_over(138.5, -31.1, start, slant_range=900_000.0)
    seconds = first + 10.0 * np.arange(-6, 10)
    place, speed = orbit.at(seconds)
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    group.create_dataset("time", data=seconds + (orbit.node - midnight).total_seconds())
    group["time"].attrs["units"] = np.bytes_(f"seconds since {midnight:%Y-%m-%dT%H:%M:%S}")
    group.create_dataset("position", data=place)
    group.create_dataset("velocity", data=speed)
