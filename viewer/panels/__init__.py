"""The overlay's panels; each owns its state and its drawing."""

from viewer.panels.gaze import GazePanel
from viewer.panels.keys import KeysPanel, key_label
from viewer.panels.menu import MenuPanel
from viewer.panels.message import MessagePanel
from viewer.panels.minimap import MinimapPanel
from viewer.panels.open_dialog import OpenDialog
from viewer.panels.opening import OpeningPanel
from viewer.panels.overlay import Overlay
from viewer.panels.settings import SettingsPanel
from viewer.panels.split import SplitPanel
from viewer.panels.statistics import Rate, seconds_since_start
from viewer.panels.status import StatusPanel
from viewer.panels.theme import PALETTES, palette, use_palette
from viewer.panels.timeline import TimelinePanel

__all__ = [
    "PALETTES",
    "GazePanel",
    "KeysPanel",
    "MenuPanel",
    "MessagePanel",
    "MinimapPanel",
    "OpenDialog",
    "OpeningPanel",
    "Overlay",
    "Rate",
    "SettingsPanel",
    "SplitPanel",
    "StatusPanel",
    "TimelinePanel",
    "key_label",
    "palette",
    "seconds_since_start",
    "use_palette",
]
