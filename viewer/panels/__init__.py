"""The overlay's panels; each owns its state and its drawing."""

from viewer.panels.gaze import GazePanel
from viewer.panels.keys import KeysPanel
from viewer.panels.message import MessagePanel
from viewer.panels.minimap import MinimapPanel
from viewer.panels.opening import OpeningPanel
from viewer.panels.overlay import Overlay
from viewer.panels.split import SplitPanel
from viewer.panels.statistics import Rate, seconds_since_start
from viewer.panels.status import StatusPanel
from viewer.panels.timeline import TimelinePanel

__all__ = [
    "GazePanel",
    "KeysPanel",
    "MessagePanel",
    "MinimapPanel",
    "OpeningPanel",
    "Overlay",
    "Rate",
    "SplitPanel",
    "StatusPanel",
    "TimelinePanel",
    "seconds_since_start",
]
