"""An evaluation as rows: a summary a subject, a line a path, and CSV files a picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from model.evaluation.results import Evaluation, mean, write_text

SUMMARY = (
    "decoder",
    "MB",
    "PSNR dB",
    "MS-SSIM",
    "WS-PSNR dB",
    "FPS",
    "ms",
    "memory MiB",
    "shimmer dB",
    "seam dB",
)
PICTURES = (
    "decoder",
    "path",
    "step",
    "frame",
    "yaw_deg",
    "pitch_deg",
    "hfov_deg",
    "psnr_db",
    "ms_ssim",
)


def summary(evaluation: Evaluation) -> list[tuple[str, ...]]:
    """One row a subject, in the columns of `SUMMARY`; PSNR and MS-SSIM are means over the paths."""
    rows: list[tuple[str, ...]] = []
    for sphere, speed in zip(evaluation.spheres, evaluation.speeds, strict=True):
        paths = [path for path in evaluation.paths if path.subject == sphere.subject]
        structure = [path.ms_ssim for path in paths if path.ms_ssim is not None]
        rows.append(
            (
                sphere.subject,
                f"{evaluation.subjects[sphere.subject] / 1e6:.3f}",
                f"{mean([path.psnr_db for path in paths]):.2f}",
                f"{mean(structure):.4f}" if structure else "–",
                f"{mean(sphere.ws_psnr_db):.2f}",
                f"{speed.fps:.1f}",
                f"{speed.decode_ms:.1f}",
                f"{speed.memory_bytes / 2**20:.0f}",
                f"{sphere.shimmer_db:.1f}",
                f"{sphere.seam_db:.1f}",
            )
        )
    return rows


def along_paths(evaluation: Evaluation) -> tuple[list[str], list[list[str]]]:
    """Head and rows of PSNR / MS-SSIM, one row a path, one column a subject."""
    names = list(evaluation.subjects)
    rows: dict[str, list[str]] = {}
    for path in evaluation.paths:
        structure = f" / {path.ms_ssim:.4f}" if path.ms_ssim is not None else ""
        row = rows.setdefault(path.path, [path.path, str(len(path.rows))])
        row.append(f"{path.psnr_db:.2f}{structure}")
    return ["path", "pictures", *names], list(rows.values())


def write_csv(evaluation: Evaluation, folder: Path) -> None:
    """``pictures.csv``, ``spheres.csv`` and ``summary.csv``, numbers at full precision."""
    _write(
        folder / "pictures.csv",
        PICTURES,
        (
            [
                path.subject,
                path.path,
                row.step,
                row.frame,
                row.yaw_deg,
                row.pitch_deg,
                row.hfov_deg,
                row.psnr_db,
                "" if row.ms_ssim is None else row.ms_ssim,
            ]
            for path in evaluation.paths
            for row in path.rows
        ),
    )
    _write(
        folder / "spheres.csv",
        ["decoder", "frame", "ws_psnr_db"],
        (
            [sphere.subject, frame, value]
            for sphere in evaluation.spheres
            for frame, value in zip(sphere.frames, sphere.ws_psnr_db, strict=True)
        ),
    )
    _write(folder / "summary.csv", SUMMARY, summary(evaluation))


def _write(path: Path, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    write_text(path, buffer.getvalue())
