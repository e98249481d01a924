"""Gaze files in every format, written by code that shares none with the readers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

Path = npt.NDArray[np.float64]
"""n×4: time s, and yaw (right), pitch (up) and roll (clockwise) in degrees."""


def turn(seconds: float = 1.9, count: int = 20, yaw_deg: float = 60.0) -> Path:
    """Return a level turn to the right."""
    times = np.linspace(0, seconds, count)
    return np.stack([times, yaw_deg * times / seconds, np.zeros(count), np.zeros(count)], axis=1)


def lively(seed: int = 1, seconds: float = 8.0, count: int = 80) -> Path:
    """Return a head that looks about as heads do."""
    generator = np.random.default_rng(seed)
    times = np.linspace(0, seconds, count)
    phases = generator.uniform(0, 6, 6)
    yaw = 70 * np.sin(0.5 * times + phases[0]) + 20 * np.sin(1.3 * times + phases[1])
    pitch = 9 * np.sin(0.9 * times + phases[2]) + 4 * np.sin(2 * times + phases[3])
    roll = 3 * np.sin(0.7 * times + phases[4])
    return np.stack([times, yaw, pitch, roll], axis=1)


def text(rows: Sequence[Sequence[object]], separator: str = ",", header: str = "") -> str:
    """Return rows as text, each number in full."""
    lines = [separator.join(str(cell) for cell in row) for row in rows]
    return "\n".join([*([header] if header else []), *lines, ""])


def _listed(path: Path) -> list[list[float]]:
    return [[float(value) for value in row] for row in path]


def angles(path: Path, order: str = "yaw pitch roll", header: str = "") -> str:
    """Return rows of the time and three angles."""
    places = {"yaw": 1, "pitch": 2, "roll": 3}
    return text(
        [[row[0], *(row[places[n]] for n in order.split())] for row in _listed(path)], header=header
    )


def radians(path: Path) -> str:
    """Return rows of the time and three angles in radians."""
    return text([[row[0], *np.radians(row[1:]).tolist()] for row in _listed(path)])


def pictures(path: Path) -> str:
    """Return a row a picture, as one configures 360Lib's viewports."""
    return text([[k, *row[1:]] for k, row in enumerate(_listed(path))], " ")


def salient360(path: Path, header: bool = True) -> str:
    """Return one observer of Salient360!; it has no roll."""
    rows = [
        [k, (yaw / 360 + 0.5) % 1, 0.5 - pitch / 180, 1000 * time]
        for k, (time, yaw, pitch, _) in enumerate(_listed(path))
    ]
    return text(rows, ", ", "Idx, longitude, latitude, start timestamp" if header else "")


def quaternion(angles_deg: Sequence[float], axes: str) -> tuple[float, float, float, float]:
    """Return w, x, y and z of a look: yaw to the right, then pitch up, then roll clockwise."""
    yaw, pitch, roll = angles_deg
    turns = {
        "ros": ("ZYX", (-yaw, -pitch, roll)),  # z up, y to the left, x forward; right-handed
        "unity": ("YXZ", (yaw, -pitch, -roll)),  # y up, x to the right, z forward; left-handed
        "openxr": ("YXZ", (-yaw, pitch, -roll)),  # y up, x to the right, z backward; right-handed
    }
    x, y, z, w = Rotation.from_euler(*turns[axes], degrees=True).as_quat()
    return float(w), float(x), float(y), float(z)


def quaternions(path: Path, axes: str, order: str, between: bool = True) -> str:
    """Return rows of the time, the picture and a quaternion."""
    rows = []
    for k, (time, *look) in enumerate(_listed(path)):
        w, x, y, z = quaternion(look, axes)
        turned = [w, x, y, z] if order == "wxyz" else [x, y, z, w]
        rows.append([time, *([k] if between else []), *turned])
    return text(rows, " ")


def corbillon(path: Path) -> str:
    """Return the data set's text, with the rows from before the sensor's first reading."""
    start = "0.0 2 0.7071067811865476 0.0 0.0 -0.7071067811865476\n"
    return start + quaternions(path, "ros", "wxyz")


def wu(path: Path) -> str:
    """Return the data set's CSV, with rows that the video before left over."""
    header = (
        "Timestamp,PlaybackTime,UnitQuaternion.x,UnitQuaternion.y,UnitQuaternion.z,"
        "UnitQuaternion.w,HmdPosition.x,HmdPosition.y,HmdPosition.z"
    )
    rows: list[list[object]] = [
        [f"2016-11-17 02:11:4{k}.34", 163.2, 0.5, 0.5, 0.5, 0.5, 0, 1, 0] for k in range(3)
    ]
    for time, *look in _listed(path):
        w, x, y, z = quaternion(look, "unity")
        rows.append(["2016-11-17 02:11:50.34", time, x, y, z, w, 0.1, 1.6, -0.2])
    return text(rows, header=header)


def jin(path: Path) -> str:
    """Return NetLLM's CSV: intrinsic ZXY of Unity's axes, whose front is at 90°."""
    rows = []
    for time, yaw, pitch, roll in _listed(path):
        head = Rotation.from_euler("YXZ", (yaw + 90, -pitch, -roll), degrees=True)
        rows.append([240 + time, *head.as_euler("ZXY", degrees=True).tolist()])
    return text(rows)


def avtrack(path: Path) -> str:
    """Return AVTrack360's JSON, whose pitch is positive downwards."""
    samples = [
        {"sec": time, "yaw": yaw, "pitch": -pitch, "roll": roll}
        for time, yaw, pitch, roll in _listed(path)
    ]
    video = {"filename": "13.mp4", "hmd": "vive", "pitch_yaw_roll_data_hmd": samples}
    return json.dumps({"data": [video], "label": "17"})


def own(path: Path) -> str:
    """Return our own CSV, without frames."""
    header = "time_s,frame,yaw_deg,pitch_deg,roll_deg,hfov_deg"
    return text([[row[0], "", *row[1:], 78.1] for row in _listed(path)], header=header)


WRITERS: dict[str, Callable[[Path], str]] = {
    "nerv360": own,
    "avtrack360": avtrack,
    "jin2022": jin,
    "corbillon2017": corbillon,
    "salient360": salient360,
    "wu2017": wu,
    "time-yaw-pitch-roll": angles,
    "time-yaw-pitch-roll-radians": radians,
    "time-pitch-yaw-roll": lambda path: angles(path, "pitch yaw roll"),
    "frame-yaw-pitch-roll": pictures,
    "ros-wxyz": lambda path: quaternions(path, "ros", "wxyz"),
    "ros-xyzw": lambda path: quaternions(path, "ros", "xyzw"),
    "unity-wxyz": lambda path: quaternions(path, "unity", "wxyz", between=False),
    "unity-xyzw": lambda path: quaternions(path, "unity", "xyzw"),
    "openxr-wxyz": lambda path: quaternions(path, "openxr", "wxyz"),
    "openxr-xyzw": lambda path: quaternions(path, "openxr", "xyzw", between=False),
}
"""A writer of each format but JVET's, which has no samples."""
