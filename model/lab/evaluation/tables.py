"""Tables of an evaluation: a summary row per method, a row per path, and CSV files per picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path

from nerv360.lab.evaluation.results import Evaluation, PathResult, PictureRow, mean, write_text
from nerv360.metrics import MovingError, pooled
from nerv360.scene import TrainingSummary

Table = tuple[Sequence[str], Sequence[Sequence[str]]]
"""Head and rows."""

_ON_QUALITY = 8
"""Number of columns on training and quality; on a narrow page the others are a second table."""
_NUMBERS = tuple(field.name for field in fields(PictureRow) if field.name != "moving")


def summary(evaluation: Evaluation) -> Table:
    """Return one row per method.

    PSNR and MS-SSIM are means over the paths; moving pixels are pooled over all paths.
    """
    rows: list[dict[str, str]] = []
    for sphere, speed in zip(evaluation.spheres, evaluation.speeds, strict=True):
        paths = [path for path in evaluation.paths if path.method == sphere.method]
        structure = [path.ms_ssim for path in paths if path.ms_ssim is not None]
        steps, seconds = _training(evaluation.trainings.get(sphere.method))
        rows.append(
            {
                "decoder": sphere.method,
                "steps": steps,
                "training s": seconds,
                "MB": f"{evaluation.stored_bytes[sphere.method] / 1e6:.3f}",
                "PSNR dB": f"{mean([path.psnr_db for path in paths]):.2f}",
                "moving dB": _moving(pooled(path.moving for path in paths)),
                "MS-SSIM": f"{mean(structure):.4f}" if structure else "–",
                "WS-PSNR dB": f"{mean(sphere.ws_psnr_db):.2f}",
                "shimmer dB": f"{sphere.shimmer_db:.1f}",
                "seam dB": f"{sphere.seam_db:.1f}",
                "FPS": f"{speed.fps:.1f}",
                "ms": f"{speed.decode_ms:.1f}",
                "memory MiB": f"{speed.memory_bytes / 2**20:.0f}",
            }
        )
    return list(rows[0]), [list(row.values()) for row in rows]


def in_short(evaluation: Evaluation) -> str:
    """Return three sentences: who has the best picture, who decodes fastest, who is smallest.

    PSNR is averaged as in `summary`.
    """

    def quality(method: str) -> float:
        return mean([path.psnr_db for path in evaluation.paths if path.method == method])

    def where_it_moves(method: str) -> str:
        error = pooled(path.moving for path in evaluation.paths if path.method == method)
        return "" if error.db is None else f", {error.db:.1f} dB where it moves"

    ranked = sorted(evaluation.stored_bytes, key=quality, reverse=True)
    looks = len({path.path for path in evaluation.paths})
    best = ", ".join(f"{m} {quality(m):.1f} dB{where_it_moves(m)}" for m in ranked)
    speeds = sorted(evaluation.speeds, key=lambda speed: speed.fps, reverse=True)
    rates = ", ".join(f"{s.name} {s.fps:.3g}" for s in speeds)
    sizes = ", ".join(
        f"{method} {size / 1e6:.3f} MB"
        for method, size in sorted(evaluation.stored_bytes.items(), key=lambda item: item[1])
    )
    paths = "one gaze path" if looks == 1 else f"{looks} gaze paths"
    return (
        f"Along {paths} the pictures are this close to the original: {best}. "
        f"Pictures decoded a second on this machine: {rates}. Stored in: {sizes}."
    )


def unequal_training(trainings: dict[str, TrainingSummary]) -> str | None:
    """Return a sentence if the trainings saw different numbers of pictures, otherwise None."""
    seen = {name: _pictures(training) for name, training in trainings.items()}
    if len(set(seen.values())) < 2:
        return None
    counts = ", ".join(f"{name} {count:,}" for name, count in seen.items())
    return (
        f"Trained unequally, on pictures (steps by pictures a step): {counts}. Differences in "
        f"quality are those of the trainings too, not of the networks alone."
    )


def _pictures(training: TrainingSummary) -> int:
    viewports = training.settings.get("viewports", 1)
    return training.steps * (viewports if isinstance(viewports, int) else 1)


def _training(training: TrainingSummary | None) -> tuple[str, str]:
    return ("–", "–") if training is None else (f"{training.steps}", f"{training.seconds:.0f}")


def _moving(error: MovingError) -> str:
    return "–" if error.db is None else f"{error.db:.2f}"


def _quality(path: PathResult) -> str:
    structure = f" / {path.ms_ssim:.4f}" if path.ms_ssim is not None else ""
    return f"{path.psnr_db:.2f} / {_moving(path.moving)}{structure}"


def narrow_summary(evaluation: Evaluation) -> list[Table]:
    """Split the summary into two tables: training and quality, then the rest."""
    head, rows = summary(evaluation)
    return [
        (head[:_ON_QUALITY], [row[:_ON_QUALITY] for row in rows]),
        ([head[0], *head[_ON_QUALITY:]], [[row[0], *row[_ON_QUALITY:]] for row in rows]),
    ]


def path_table(evaluation: Evaluation) -> Table:
    """Return PSNR / PSNR of moving pixels / MS-SSIM, one row per path, one column per method."""
    names = list(evaluation.stored_bytes)
    rows: dict[str, list[str]] = {}
    for path in evaluation.paths:
        row = rows.setdefault(path.path, [path.path, str(len(path.rows))])
        row.append(_quality(path))
    return ["path", "pictures", *names], list(rows.values())


def write_csv(evaluation: Evaluation, folder: Path) -> None:
    """Write ``pictures.csv``, ``spheres.csv`` and ``summary.csv`` at full precision.

    Cells of numbers that are not known are empty.
    """
    _write(
        folder / "pictures.csv",
        ("decoder", "path", *_NUMBERS, "moving_pixels", "moving_db"),
        (
            [
                path.method,
                path.path,
                *(getattr(row, name) for name in _NUMBERS),
                round(row.moving.pixels),
                row.moving.db,
            ]
            for path in evaluation.paths
            for row in path.rows
        ),
    )
    _write(
        folder / "spheres.csv",
        ["decoder", "frame", "ws_psnr_db", "moving_ws_psnr_db"],
        (
            [sphere.method, frame, value, moving.db]
            for sphere in evaluation.spheres
            for frame, value, moving in zip(
                sphere.frames, sphere.ws_psnr_db, sphere.moving, strict=True
            )
        ),
    )
    _write(folder / "summary.csv", *summary(evaluation))


def _write(path: Path, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    write_text(path, buffer.getvalue())
