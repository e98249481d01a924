"""Input: window events, keys, camera, playback and gaze paths."""

from viewer.input.camera import Camera
from viewer.input.events import Input
from viewer.input.gaze import Gaze
from viewer.input.keymap import KEYMAP, Action
from viewer.input.playback import Playback
from viewer.input.wander import wandering_path

__all__ = [
    "KEYMAP",
    "Action",
    "Camera",
    "Gaze",
    "Input",
    "Playback",
    "wandering_path",
]
