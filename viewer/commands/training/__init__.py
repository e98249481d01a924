"""A run of ``nerv360 train``: from its options to a scene, with its progress on the terminal."""

from nerv360.viewer.commands.training.run import Run

__all__ = ["Run"]
