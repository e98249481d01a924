"""The CPU's engines: affines folded into convolutions, fewer passes over memory."""

from nerv360.decoding.folded.engine import FoldedEngine

__all__ = ["FoldedEngine"]
