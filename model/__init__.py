"""The NeRV360 representation as a library: scenes, engines, looks and views of them.

Pure torch and numpy: it needs no window system. The names below are all that a script or notebook
needs; each is imported when it is first used, so that ``import model`` loads nothing, not even
torch. ``docs/examples`` shows them at work.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from model.config import ModelConfig as ModelConfig
    from model.decoding import ENGINES as ENGINES
    from model.decoding import EagerEngine as EagerEngine
    from model.decoding import Engine as Engine
    from model.decoding import EngineKind as EngineKind
    from model.decoding import Picture as Picture
    from model.decoding import open_engine as open_engine
    from model.errors import InputError as InputError
    from model.evaluation.clip import ClipPictures as ClipPictures
    from model.geometry import Look as Look
    from model.metrics.similarity import cut_viewport as cut_viewport
    from model.metrics.similarity import ms_ssim as ms_ssim
    from model.metrics.similarity import psnr_8bit as psnr_8bit
    from model.metrics.similarity import ws_psnr as ws_psnr
    from model.networks import ARCHITECTURES as ARCHITECTURES
    from model.networks import build_decoder as build_decoder
    from model.networks import preset as preset
    from model.networks import presets as presets
    from model.rendering import render_sphere as render_sphere
    from model.rendering import render_view as render_view
    from model.scene import Decoder as Decoder
    from model.scene import Scene as Scene
    from model.scene import read_scene as read_scene
    from model.scene import write_scene as write_scene
    from model.trajectories.reading import read_trajectory as read_trajectory

_HOMES = {
    "model.config": ("ModelConfig",),
    "model.decoding": (
        "ENGINES",
        "EagerEngine",
        "Engine",
        "EngineKind",
        "Picture",
        "open_engine",
    ),
    "model.errors": ("InputError",),
    "model.evaluation.clip": ("ClipPictures",),
    "model.geometry": ("Look",),
    "model.metrics.similarity": ("cut_viewport", "ms_ssim", "psnr_8bit", "ws_psnr"),
    "model.networks": ("ARCHITECTURES", "build_decoder", "preset", "presets"),
    "model.rendering": ("render_sphere", "render_view"),
    "model.scene": ("Decoder", "Scene", "read_scene", "write_scene"),
    "model.trajectories.reading": ("read_trajectory",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *_HOME]
