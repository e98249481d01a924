"""The overlay's panels; each owns its state and its drawing."""

from nerv360.viewer.panels.gaze import GazePanel
from nerv360.viewer.panels.keys import KeysPanel, key_label
from nerv360.viewer.panels.menu import MenuPanel
from nerv360.viewer.panels.message import MessagePanel
from nerv360.viewer.panels.minimap import MinimapPanel
from nerv360.viewer.panels.opening import OpeningPanel
from nerv360.viewer.panels.overlay import Overlay
from nerv360.viewer.panels.settings import SettingsPanel
from nerv360.viewer.panels.split import SplitPanel
from nerv360.viewer.panels.statistics import Rate, seconds_since_start
from nerv360.viewer.panels.status import StatusPanel
from nerv360.viewer.panels.theme import PALETTES, palette, use_palette
from nerv360.viewer.panels.timeline import TimelinePanel

__all__ = [
    "PALETTES",
    "GazePanel",
    "KeysPanel",
    "MenuPanel",
    "MessagePanel",
    "MinimapPanel",
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
