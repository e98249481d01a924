"""Opens a file, whatever it is: a scene, a clip or a gaze path."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from nerv360.errors import InputError
from nerv360.text import file_name
from nerv360.trajectories import (
    DoubtfulFormatError,
    Trajectory,
    UnknownFormatError,
    read_trajectory,
)
from nerv360.viewer.decode import OpenScene
from nerv360.viewer.opening.content import SCENE_SUFFIX, is_gaze_path, is_scene
from nerv360.viewer.opening.device import DeviceChoice

if TYPE_CHECKING:
    from nerv360.video import Clip

Content: TypeAlias = "OpenScene | Clip | Trajectory"


def open_file(path: Path, choice: DeviceChoice, engine: str = "auto") -> Content:
    """Read a file that is dropped, chosen in the dialog, or among the recent ones.

    Args:
        choice, engine: device and engine of a scene; see `prepare_scene`.

    Raises:
        InputError: it is neither a scene, a video nor a gaze path, or cannot be read.
    """
    # These need torch or PyAV, which are not loaded before the first picture of a run.
    from nerv360.video import open_clip
    from nerv360.viewer.opening.scene import prepare_file

    if is_scene(path):
        return prepare_file(path, choice, engine)
    if not is_gaze_path(path):
        return open_clip(path)
    try:
        return read_trajectory(str(path))
    except DoubtfulFormatError as error:
        raise InputError(f"{error} by nerv360 view --trajectory FILE --gaze-format NAME") from error
    except UnknownFormatError as error:
        raise InputError(
            f"{file_name(path)} is neither a scene ({SCENE_SUFFIX}), a video, a photo nor a gaze "
            f"path"
        ) from error
