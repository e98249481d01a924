"""Decoders as fragment shaders: plans of passes that a window, or a web page, draws.

Text and numbers alone; whoever draws them has the graphics.
"""

from model.shaders.generator import shader_plan
from model.shaders.limits import LimitError, Limits
from model.shaders.plan import WEIGHTS_WIDTH, Band, Kind, Map, Moment, Pass, Program, ShaderPlan
from model.shaders.sources import piece

__all__ = [
    "WEIGHTS_WIDTH",
    "Band",
    "Kind",
    "LimitError",
    "Limits",
    "Map",
    "Moment",
    "Pass",
    "Program",
    "ShaderPlan",
    "piece",
    "shader_plan",
]
