"""A run of ``nerv360 train``: from its options to a scene, with its progress on the terminal."""

from viewer.commands.training.clock import DEFAULT_MINUTES, ByClock
from viewer.commands.training.run import Run

__all__ = ["DEFAULT_MINUTES", "ByClock", "Run"]
