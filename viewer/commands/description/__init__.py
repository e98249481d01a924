"""What ``nerv360 info`` prints of each kind of file."""

from viewer.commands.description.gaze import describe_gaze, is_gaze

__all__ = ["describe_gaze", "is_gaze"]
