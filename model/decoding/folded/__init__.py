"""The CPU's engines: affines folded into convolutions, fewer passes over memory."""

from model.decoding.folded.engine import FoldedEngine

__all__ = ["FoldedEngine"]
