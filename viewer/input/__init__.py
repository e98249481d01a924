"""Input: window events, keys, camera, playback and gaze paths."""

from nerv360.viewer.input.address import view_command, view_fragment
from nerv360.viewer.input.camera import Camera
from nerv360.viewer.input.events import Input
from nerv360.viewer.input.gaze import Gaze
from nerv360.viewer.input.keymap import KEYMAP, Action
from nerv360.viewer.input.playback import SPEEDS, Playback
from nerv360.viewer.input.wander import wandering_path

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
