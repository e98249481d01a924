"""``nerv360 info GAZE``: how a gaze file is understood."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nerv360.viewer.commands.options import gaze_option
from nerv360.viewer.opening import SCENE_SUFFIX, is_gaze_path

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from rich.table import Table

    from nerv360.trajectories import Trajectory

Report = dict[str, Any]
_SUFFIXES = {".csv", ".tsv", ".txt", ".json"}


def is_gaze(spec: str) -> bool:
    """Tell whether ``spec`` names a text file, by its content or its suffix, or a JVET path."""
    from nerv360.trajectories import holds_text

    path = Path(spec)
    suffix = path.suffix.lower()
    if suffix in _SUFFIXES and not path.is_dir():
        return True  # so that its errors are about gaze paths
    if suffix == SCENE_SUFFIX or (path.is_file() and not is_gaze_path(path)):
        return False
    return holds_text(spec)


def describe_gaze(spec: str, gaze_format: str | None) -> tuple[Report, Table]:
    """Return how a gaze file is understood, as data and as a table.

    Raises:
        InputError: it is no gaze path, it is broken, or its format cannot be told.
    """
    understanding = gaze_option(spec, gaze_format)
    path = understanding.path
    report = {
        "gaze": {
            "file": spec,
            "format": understanding.format,
            "content": understanding.content,
            "told": understanding.told,
            "samples": len(path),
            **_span(path),
            "yaw_deg": _range(path.yaw_deg),
            "pitch_deg": _range(path.pitch_deg),
            "roll_deg": _range(path.roll_deg),
            "hfov_deg": _range(path.hfov_deg),
            "names_frames": path.frame is not None,
            "interpolation": path.interpolation.value,
            "warnings": list(understanding.remarks),
        }
    }
    return report, _table(report["gaze"])


def _span(path: Trajectory) -> Report:
    start, end = float(path.time_s[0]), float(path.time_s[-1])
    if path.scaled:
        return {"start": start, "end": end, "time": "stretched over the clip", "rate": None}
    time = "pictures of the clip" if path.by_picture else "seconds"
    rate = (len(path) - 1) / (end - start) if end > start else None
    return {"start": start, "end": end, "time": time, "rate": rate}


def _range(values: npt.NDArray[np.float64]) -> list[float]:
    return [float(values.min()) + 0.0, float(values.max()) + 0.0]  # no −0


def _table(gaze: Report) -> Table:
    from nerv360.viewer.commands.terminal import facts_table

    rate = f", {gaze['rate']:.4g} a {_unit(gaze)[0]}" if gaze["rate"] is not None else ""
    rows = {
        "format": f"{gaze['format']}: {gaze['content']}",
        "told": gaze["told"],
        "samples": f"{gaze['samples']:,}{rate}",
        "time": _time(gaze),
        "yaw": f"{_degrees(gaze['yaw_deg'])}, right is positive",
        "pitch": f"{_degrees(gaze['pitch_deg'])}, up is positive",
        "roll": f"{_degrees(gaze['roll_deg'])}, clockwise is positive",
        "field of view": _degrees(gaze["hfov_deg"]),
        "frames": "named" if gaze["names_frames"] else "not named",
        "between samples": {"angles": "each angle by itself", "rotation": "the shortest rotation"}[
            gaze["interpolation"]
        ],
        "warnings": "; ".join(gaze["warnings"]) or "none",
    }
    return facts_table(gaze["file"], rows)


def _unit(gaze: Report) -> tuple[str, str]:
    """Return the unit of the times in words, and short."""
    return ("second", "s") if gaze["time"] == "seconds" else ("picture", "pictures")


def _time(gaze: Report) -> str:
    if gaze["rate"] is None and gaze["time"] == "stretched over the clip":
        return gaze["time"]
    unit = _unit(gaze)[1]
    start = f"{gaze['start']:g} to " if gaze["start"] else ""
    return f"{start}{gaze['end']:g} {unit}"


def _degrees(values: list[float]) -> str:
    low, high = (f"{round(value, 2) + 0.0:.2f}°" for value in values)
    return low if low == high else f"{low} to {high}"
