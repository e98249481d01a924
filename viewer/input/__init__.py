"""Input: window events, keys, camera, playback and gaze paths."""

from viewer.input.address import view_command, view_fragment
from viewer.input.camera import Camera
from viewer.input.events import Input
from viewer.input.gaze import Gaze
from viewer.input.keymap import KEYMAP, Action
from viewer.input.playback import SPEEDS, Playback
from viewer.input.wander import wandering_path

__all__ = [
    "KEYMAP",
    "SPEEDS",
    "Action",
    "Camera",
    "Gaze",
    "Input",
    "Playback",
    "view_command",
    "view_fragment",
    "wandering_path",
]
