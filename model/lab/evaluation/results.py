"""Measured results, each in its own file, so that a stopped evaluation can continue."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from nerv360.errors import InputError
from nerv360.files import atomic_write
from nerv360.lab.benchmarks import SpeedResult
from nerv360.metrics import MovingError, pooled
from nerv360.scene import TrainingSummary

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

FORMAT = 3
"""Increase it whenever a number would come out differently."""


@dataclass(frozen=True)
class PictureRow:
    """One viewport of a path; ``ms_ssim`` is None if the viewport is too small for five scales."""

    step: int
    frame: int
    yaw_deg: float
    pitch_deg: float
    hfov_deg: float
    psnr_db: float
    ms_ssim: float | None
    moving: MovingError


@dataclass(frozen=True)
class PathResult:
    """All viewports of one method along one path."""

    method: str
    path: str
    rows: list[PictureRow]

    @property
    def psnr_db(self) -> float:
        """Mean over the pictures, as in JVET."""
        return mean([row.psnr_db for row in self.rows])

    @property
    def ms_ssim(self) -> float | None:
        """Mean over the pictures; None if they are too small."""
        values = [row.ms_ssim for row in self.rows if row.ms_ssim is not None]
        return mean(values) if values else None

    @property
    def moving(self) -> MovingError:
        """Error of the moving pixels of all pictures."""
        return pooled(row.moving for row in self.rows)


@dataclass(frozen=True)
class SphereResult:
    """The whole sphere of one method.

    Attributes:
        frames: the pictures that were measured.
        ws_psnr_db, moving: one value per picture.
        error: mean squared error, full scale 1, in cells of the ERP frame, row by row.
        shimmer_db, seam_db: see `nerv360.lab.evaluation.view_consistency`.
    """

    method: str
    frames: list[int]
    ws_psnr_db: list[float]
    moving: list[MovingError]
    error: list[list[float]]
    shimmer_db: float
    seam_db: float


@dataclass(frozen=True)
class Evaluation:
    """Everything that a report shows.

    Attributes:
        stored_bytes: of each method by name, in the order of the tables.
        notes: one line about each method.
        trainings: of the trained methods.
    """

    title: str
    facts: dict[str, str]
    stored_bytes: dict[str, int]
    notes: dict[str, str]
    trainings: dict[str, TrainingSummary]
    paths: list[PathResult]
    spheres: list[SphereResult]
    speeds: list[SpeedResult]
    original: SphereResult


def mean(values: list[float]) -> float:
    """Return the arithmetic mean of at least one value."""
    return sum(values) / len(values)


R = TypeVar("R", bound="DataclassInstance")


class ResultStore:
    """Stored results by the values they depend on, one JSON file each, written atomically.

    Raises:
        InputError: the folder is a file, holds files but no report, or cannot be created.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._results = folder / "results"
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder} is a file: name a folder")
        if folder.is_dir() and any(folder.iterdir()) and not self._results.is_dir():
            raise InputError(f"{folder} is not empty and holds no report: name a new folder")
        try:
            self._results.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{folder} cannot be made: {error.strerror}") from error

    def get(
        self,
        name: str,
        key: Mapping[str, Any],
        measure: Callable[[], R],
        build: Callable[[dict[str, Any]], R],
    ) -> R:
        """Return the stored result called ``name`` for ``key``, or measure and store it.

        A stored file that cannot be read is measured again.

        Args:
            measure: returns a dataclass.
            build: makes it of its stored form (`dataclasses.asdict`).
        """
        file = self._file(name, key)
        if file.is_file():
            try:
                stored = json.loads(file.read_text())
            except (ValueError, OSError):
                stored = None
            if isinstance(stored, dict) and stored.get("key") == dict(key):
                return build(stored["result"])
        result = measure()
        write_text(file, json.dumps({"key": dict(key), "result": asdict(result)}, indent=1))
        return result

    def forget(self, name: str, key: Mapping[str, Any]) -> None:
        """Delete this result, so that it is measured again."""
        self._file(name, key).unlink(missing_ok=True)

    def _file(self, name: str, key: Mapping[str, Any]) -> Path:
        text = json.dumps({"format": FORMAT, **key}, sort_keys=True)
        return self._results / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"


def write_text(path: Path, text: str) -> None:
    """Write ``path`` completely or not at all.

    Raises:
        InputError: it cannot be written.
    """
    try:
        with atomic_write(path) as partial:
            partial.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error


def path_result(values: dict[str, Any]) -> PathResult:
    """Build a `PathResult` from its stored form (`dataclasses.asdict`)."""
    rows = [PictureRow(**{**row, "moving": MovingError(**row["moving"])}) for row in values["rows"]]
    return PathResult(values["method"], values["path"], rows)


def sphere_result(values: dict[str, Any]) -> SphereResult:
    """Build a `SphereResult` from its stored form."""
    return SphereResult(**{**values, "moving": [MovingError(**m) for m in values["moving"]]})


def speed_result(values: dict[str, Any]) -> SpeedResult:
    """Build a `SpeedResult` from its stored form."""
    return SpeedResult(**{**values, "memory_range": tuple(values["memory_range"])})
