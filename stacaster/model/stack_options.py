"""Options of radar stacks: the one definition for ``stacaster.sar``, TOML files and the command line."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict, get_args, get_type_hints


class StackOptions(TypedDict, total=False):
    """Options of ``find_stacks`` and ``stack``; those of a search have the names of asf_search in small letters.

    Most options take a list, which means any of these; numbers take a range such as ``98-100``.
    """

    name: Annotated[str | None, "Preset: S1_SLC, S1_Burst, NISAR_GSLC, NISAR_RSLC, NISAR_GUNW or ASF_Base."]
    dataset: Annotated[Any, "SENTINEL-1, SLC-BURST, ALOS, NISAR_L2_GSLC ..., or a short name at CMR."]
    instrument: Annotated[str | None, "C-SAR, PALSAR, L-SAR ..., as CMR names it."]
    stack_from_id: Annotated[str | None, "The stack of this granule: its path, frame, mode and polarisation."]
    platform: Annotated[Any, "Satellite: SENTINEL-1A, S1A, ALOS ..."]
    beam_mode: Annotated[Any, "IW, EW, FBD ..."]
    beam_swath: Annotated[Any, "Beam swath."]
    polarization: Annotated[Any, "VV, VV+VH, HH ..."]
    flight_direction: Annotated[Any, "ascending or descending."]
    look_direction: Annotated[Any, "left or right."]
    relative_orbit: Annotated[Any, "Relative orbit: path or track."]
    absolute_orbit: Annotated[Any, "Absolute orbit."]
    frame: Annotated[Any, "Frame: of Sentinel-1, ALOS and NISAR as ASF counts, else as ESA does."]
    asf_frame: Annotated[Any, "Frame as ASF counts."]
    absolute_burst_id: Annotated[Any, "Absolute burst id."]
    relative_burst_id: Annotated[Any, "Relative burst id."]
    full_burst_id: Annotated[Any, "Full burst id, 100_213456_IW2."]
    opera_burst_id: Annotated[Any, "Burst id of OPERA, T100-213456-IW2."]
    processing_level: Annotated[Any, "SLC, GRD_HD, L1.1 ... [default: SLC of Sentinel-1, L1.1 of ALOS]"]
    production_configuration: Annotated[Any, "NISAR: PR (routine) or UR (urgent)."]
    frame_coverage: Annotated[Any, "NISAR: F (full) or P (partial)."]
    joint_observation: Annotated[Any, "NISAR: true or false."]
    main_band_polarization: Annotated[Any, "NISAR: polarisations of frequency A, HHHV."]
    side_band_polarization: Annotated[Any, "NISAR: polarisations of frequency B."]
    range_bandwidth: Annotated[Any, "NISAR: bandwidths, 20+5."]
    campaign: Annotated[Any, "Campaign of airborne data."]
    flight_line: Annotated[Any, "Flight line of airborne data."]
    group_id: Annotated[Any, "Group of granules."]
    insar_stack_id: Annotated[Any, "Stack as ASF counts."]
    off_nadir_angle: Annotated[Any, "Angle in degrees, or first and last."]
    min_doppler: Annotated[float | None, "Smallest Doppler."]
    max_doppler: Annotated[float | None, "Largest Doppler."]
    min_faraday: Annotated[float | None, "Smallest Faraday rotation, degrees."]
    max_faraday: Annotated[float | None, "Largest Faraday rotation, degrees."]
    season: Annotated[Any, "Part of every year: 12-2 or 6,7,8 (months), 11-15/02-20; above 12: days."]
    months: Annotated[Any, "Months of every year: 12-2, or 6,7,8."]
    days: Annotated[Any, "First and last day of every year: 335-60."]
    start: Annotated[Any, "First day or moment."]
    end: Annotated[Any, "Last day or moment."]
    processing_date: Annotated[Any, "Only what was processed since."]
    bbox: Annotated[Any, "Box in degrees, W,S,E,N."]
    region: Annotated[str | None, "Named region, or an area of the file of --intersects-with."]
    intersects_with: Annotated[Any, "Area: WKT, GeoJSON, a file with polygons, or W,S,E,N."]
    radius: Annotated[float | None, "Metres around the point of --intersects-with."]
    name_column: Annotated[str | None, "Column of the file with the names of areas."]
    granule_list: Annotated[Any, "Names of granules."]
    collection: Annotated[str | None, "Collection at CMR (concept id)."]
    max_results: Annotated[int | None, "Largest number of granules."]
    min_coverage: Annotated[float | None, "Leave out granules that cover less of the area, 0 to 1."]
    min_count: Annotated[int | None, "Leave out stacks with fewer granules."]
    max_count: Annotated[int | None, "At most so many of each stack, the first ones."]
    drop_above: Annotated[int | None, "Leave out stacks with more granules."]
    latest_n: Annotated[int | None, "Only the last N of each stack."]
    earliest_n: Annotated[int | None, "Only the first N of each stack."]
    output: Annotated[str, "Folder for downloads, orbits, DEM, pairs and pictures."]
    with_orbits: Annotated[bool, "Download the orbit file of each Sentinel-1 granule."]
    margin_before_s: Annotated[float, "Orbits: seconds before a granule that the file must cover."]
    margin_after_s: Annotated[float, "Orbits: seconds after a granule that the file must cover."]
    with_dem: Annotated[bool, "Make a DEM (Copernicus GLO-30) under each stack."]
    heights: Annotated[str, "Heights of the DEM above the ellipsoid or the geoid. [default: ellipsoid]"]
    geoid: Annotated[str | None, "File with the EGM2008 geoid. [default: what PROJ finds]"]
    catalog: Annotated[str | None, "Catalog that takes the granules and the DEM. [default: none]"]
    keep_files: Annotated[bool, "Take granules into the catalog as they come, without COGs."]
    neighbours: Annotated[int, "Pairs: each granule with so many that follow."]
    max_days: Annotated[float | None, "Pairs: longest time between two."]
    workers: Annotated[int, "Files at a time."]


DEFAULTS: StackOptions = {
    "dataset": "SENTINEL-1",
    "output": "stacks",
    "with_orbits": False,
    "margin_before_s": 60.0,
    "margin_after_s": 60.0,
    "with_dem": False,
    "heights": "ellipsoid",
    "keep_files": False,
    "neighbours": 2,
    "workers": 4,
}
"""Values of options that are not None unless something else is said."""


def described() -> dict[str, tuple[type, str]]:
    """Return type (of text on the command line) and meaning of each option."""
    hints = get_type_hints(StackOptions, include_extras=True)
    return {name: (_simple(get_args(hint)[0]), get_args(hint)[1]) for name, hint in hints.items()}


def _simple(hint: Any) -> type:
    """Return the type of a value as text can say it."""
    parts = [part for part in get_args(hint) if part is not type(None)] or [hint]
    return parts[0] if parts[0] in (bool, int, float) else str
