"""Options of ``stacaster stack``: those of ``StackConfig``, which is not imported for the sake of a quick start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

TABLE: tuple[tuple[str, type, str], ...] = (
    ("name", str, "Preset: S1_SLC, S1_Burst, NISAR_GSLC, NISAR_RSLC, NISAR_GUNW or ASF_Base."),
    ("dataset", str, "SENTINEL-1, SLC-BURST, ALOS, NISAR_L2_GSLC ..., or a short name at CMR."),
    ("instrument", str, "C-SAR, PALSAR, L-SAR ..., as CMR names it."),
    ("stack_from_id", str, "The stack of this granule: its path, frame, mode and polarisation."),
    ("platform", str, "Satellite: SENTINEL-1A, S1A, ALOS ..."),
    ("beam_mode", str, "IW, EW, FBD ..."),
    ("beam_swath", str, "Beam swath."),
    ("polarization", str, "VV, VV+VH, HH ..."),
    ("flight_direction", str, "ascending or descending."),
    ("look_direction", str, "left or right."),
    ("relative_orbit", str, "Relative orbit: path or track."),
    ("absolute_orbit", str, "Absolute orbit."),
    ("frame", str, "Frame: of Sentinel-1, ALOS and NISAR as ASF counts, else as ESA does."),
    ("asf_frame", str, "Frame as ASF counts."),
    ("absolute_burst_id", str, "Absolute burst id."),
    ("relative_burst_id", str, "Relative burst id."),
    ("full_burst_id", str, "Full burst id, 100_213456_IW2."),
    ("opera_burst_id", str, "Burst id of OPERA, T100-213456-IW2."),
    ("processing_level", str, "SLC, GRD_HD, L1.1 ... [default: SLC of Sentinel-1, L1.1 of ALOS]"),
    ("production_configuration", str, "NISAR: PR (routine) or UR (urgent)."),
    ("frame_coverage", str, "NISAR: F (full) or P (partial)."),
    ("joint_observation", str, "NISAR: true or false."),
    ("main_band_polarization", str, "NISAR: polarisations of frequency A, HHHV."),
    ("side_band_polarization", str, "NISAR: polarisations of frequency B."),
    ("range_bandwidth", str, "NISAR: bandwidths, 20+5."),
    ("campaign", str, "Campaign of airborne data."),
    ("flight_line", str, "Flight line of airborne data."),
    ("group_id", str, "Group of granules."),
    ("insar_stack_id", str, "Stack as ASF counts."),
    ("off_nadir_angle", str, "Angle in degrees, or first and last."),
    ("min_doppler", float, "Smallest Doppler."),
    ("max_doppler", float, "Largest Doppler."),
    ("min_faraday", float, "Smallest Faraday rotation, degrees."),
    ("max_faraday", float, "Largest Faraday rotation, degrees."),
    ("season", str, "Part of every year: 12-2 or 6,7,8 (months), 11-15/02-20; above 12: days."),
    ("months", str, "Months of every year: 12-2, or 6,7,8."),
    ("days", str, "First and last day of every year: 335-60."),
    ("start", str, "First day or moment."),
    ("end", str, "Last day or moment."),
    ("processing_date", str, "Only what was processed since."),
    ("bbox", str, "Box in degrees, W,S,E,N."),
    ("region", str, "Named region, or an area of the file of --intersects-with."),
    ("intersects_with", str, "Area: WKT, GeoJSON, a file with polygons, or W,S,E,N."),
    ("radius", float, "Metres around the point of --intersects-with."),
    ("name_column", str, "Column of the file with the names of areas."),
    ("granule_list", str, "Names of granules."),
    ("collection", str, "Collection at CMR (concept id)."),
    ("max_results", int, "Largest number of granules."),
    ("min_coverage", float, "Leave out granules that cover less of the area, 0 to 1."),
    ("min_count", int, "Leave out stacks with fewer granules."),
    ("max_count", int, "At most so many of each stack, the first ones."),
    ("drop_above", int, "Leave out stacks with more granules."),
    ("latest_n", int, "Only the last N of each stack."),
    ("earliest_n", int, "Only the first N of each stack."),
    ("output", str, "Folder for downloads, orbits, DEM, pairs and pictures."),
    ("with_orbits", bool, "Download the orbit file of each Sentinel-1 granule."),
    ("margin_before_s", float, "Orbits: seconds before a granule that the file must cover."),
    ("margin_after_s", float, "Orbits: seconds after a granule that the file must cover."),
    ("with_dem", bool, "Make a DEM (Copernicus GLO-30) under each stack."),
    ("heights", str, "Heights of the DEM above the ellipsoid or the geoid. [default: ellipsoid]"),
    ("geoid", str, "File with the EGM2008 geoid. [default: what PROJ finds]"),
    ("catalog", str, "Catalog that takes the granules and the DEM. [default: none]"),
    ("keep_files", bool, "Take granules into the catalog as they come, without COGs."),
    ("neighbours", int, "Pairs: each granule with so many that follow."),
    ("max_days", float, "Pairs: longest time between two."),
    ("workers", int, "Files at a time."),
)
"""Name, type and meaning of each option; the same as in ``StackConfig``."""


def stack_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a stack to a command; what was not given is None, so that the file of --config counts."""
    for name, kind, words in reversed(TABLE):
        flag = f"--{name.replace('_', '-')}"
        if kind is bool:
            function = click.option(flag, is_flag=True, default=None, help=words)(function)
        else:
            metavar = {int: "N", float: "N"}.get(kind, "TEXT")
            function = click.option(flag, type=kind, metavar=metavar, help=words)(function)
    return function
