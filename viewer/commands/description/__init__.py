"""Descriptions of files that ``nerv360 info`` prints."""

from nerv360.viewer.commands.description.clip import describe_clip
from nerv360.viewer.commands.description.gaze import describe_gaze, is_gaze

__all__ = ["describe_clip", "describe_gaze", "is_gaze"]
