"""The nouns that pass between the steps: frozen, typed, without input or output."""

from __future__ import annotations

from stacaster.model.bands import Band, BandKind, BandStatistics, BitField, ClassValue, CogAsset, RemoteAsset
from stacaster.model.documents import ITEM_FIELDS, as_json, many_documents
from stacaster.model.files import FileAsset, FileKind
from stacaster.model.granules import (
    GranuleContent,
    Lattice,
    Layer,
    OpenGranule,
    OpenTracks,
    Scene,
    SceneBand,
)
from stacaster.model.orbits import GridPoint, StateVector
from stacaster.model.products import Product, Provider
from stacaster.model.read_options import PARTS, ReadOptions, TargetGrid
from stacaster.model.report import Outcome, Report
from stacaster.model.search import FileRole, Granule, GranuleFile, Query
from stacaster.model.times import format_datetime
from stacaster.model.tracks import BEAMS, GEDI_BEAMS, TableAsset, TrackColumn, TrackTable
from stacaster.model.views import Orientation, PixelView, PlaneAxis, SwathLookup

__all__ = [
    "BEAMS",
    "GEDI_BEAMS",
    "ITEM_FIELDS",
    "PARTS",
    "Band",
    "BandKind",
    "BandStatistics",
    "BitField",
    "ClassValue",
    "CogAsset",
    "FileAsset",
    "FileKind",
    "FileRole",
    "Granule",
    "GranuleContent",
    "GranuleFile",
    "GridPoint",
    "Lattice",
    "Layer",
    "OpenGranule",
    "OpenTracks",
    "Orientation",
    "Outcome",
    "PixelView",
    "PlaneAxis",
    "Product",
    "Provider",
    "Query",
    "ReadOptions",
    "RemoteAsset",
    "Report",
    "Scene",
    "SceneBand",
    "StateVector",
    "SwathLookup",
    "TableAsset",
    "TargetGrid",
    "TrackColumn",
    "TrackTable",
    "as_json",
    "format_datetime",
    "many_documents",
]
