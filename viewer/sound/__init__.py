"""Sound of the open clip, in time with what the window shows.

Importing it loads neither PyAV nor miniaudio; the player's thread does, once there is sound.
"""

from nerv360.viewer.sound.delay import PictureDelay as PictureDelay
from nerv360.viewer.sound.player import Player as Player
from nerv360.viewer.sound.schedule import Schedule as Schedule
