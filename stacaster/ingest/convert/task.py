"""What a worker has to know of one granule: plain data between processes, typed on both sides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from stacaster.model import GranuleFile, ReadOptions, TargetGrid

_LISTS = ("files", "subsystems", "bands", "variables", "classes", "pool")


@dataclass(frozen=True, kw_only=True)
class RemoteSource:
    """A granule at its provider."""

    file: GranuleFile
    """The file."""
    credentials: str | None = None
    """Where temporary S3 credentials are given out."""
    s3: bool = False
    """Read it from its bucket."""

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {**vars(self), "file": dict(vars(self.file))}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the source that ``to_json`` described."""
        return cls(**{**data, "file": GranuleFile(**data["file"])})


@dataclass(frozen=True, kw_only=True)
class ConvertTask:
    """One granule to convert, what is wanted of it, and where the result goes."""

    files: tuple[str, ...] = ()
    """Paths; empty for a granule at its provider."""
    remote: RemoteSource | None = None
    """Where the granule lies at its provider."""
    catalog: str = ""
    """Root of the catalog, which is only read."""
    staging: str = ""
    """Folder for the result."""
    subsystems: tuple[str, ...] = ()
    """Parts to keep; empty keeps all."""
    bands: tuple[str, ...] = ()
    """Bands to keep; empty keeps all."""
    area: Mapping[str, Any] | None = None
    """GeoJSON geometry in degrees that bands are cut to."""
    split_complex: bool = False
    """Amplitude and phase instead of complex bands."""
    variables: tuple[str, ...] = ()
    """Columns of tracks to add."""
    classes: tuple[str, ...] | None = None
    """Folders and files with ATL08 granules that the user named; None for none."""
    pool: tuple[str, ...] = ()
    """ATL08 granules of the same ingest."""
    keep_files: bool = False
    """Keep files whole that would be converted."""
    grid: TargetGrid | None = None
    """Grid for swaths."""
    keep_swir: bool = False
    """Make ASTER SWIR assets also after 2008-04-01."""
    profile: str = "zstd"
    """COG profile."""
    threads: int = 1
    """Bands that are written at once."""
    dry_run: bool = False
    """Only say what would be done."""
    known_only: bool = False
    """Leave granules out that the catalog does not have."""

    @property
    def options(self) -> ReadOptions:
        """What the user wants of the granule."""
        return ReadOptions(
            subsystems=self.subsystems, include_swir_after_cutoff=self.keep_swir, bands=self.bands, area=self.area,
            split_complex=self.split_complex, variables=self.variables, keep_files=self.keep_files,
            grid=self.grid,
        )  # fmt: skip

    @property
    def name(self) -> str:
        """Name of the file, or of the first one."""
        return self.files[0] if self.remote is None else self.remote.file.name

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        plain = {key: list(value) if isinstance(value, tuple) else value for key, value in vars(self).items()}
        grid = None if self.grid is None else vars(self.grid)
        return {**plain, "grid": grid, "remote": None if self.remote is None else self.remote.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the task that ``to_json`` described.

        Raises:
            TypeError: It is of another version.
        """
        given = dict(data)
        for key in _LISTS:
            if given.get(key) is not None:
                given[key] = tuple(given[key])
        if given.get("grid") is not None:
            given["grid"] = TargetGrid(**given["grid"])
        remote = given.pop("remote", None)
        return cls(remote=None if remote is None else RemoteSource.from_json(remote), **given)
