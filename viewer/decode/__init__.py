"""Decoding behind the window: one thread, its sessions and engines."""

from viewer.decode.clip_source import (
    ORIGINAL,
    compare_clip,
    extend_by_clip,
    prepare_clip,
    put_beside,
)
from viewer.decode.look_prediction import Request
from viewer.decode.open_scene import EngineSource, Extension, OpenScene
from viewer.decode.scene_source import decoder_names, prepare_scene
from viewer.decode.session import DecodeReport
from viewer.decode.worker import DecodeWorker

__all__ = [
    "ORIGINAL",
    "DecodeReport",
    "DecodeWorker",
    "EngineSource",
    "Extension",
    "OpenScene",
    "Request",
    "compare_clip",
    "decoder_names",
    "extend_by_clip",
    "prepare_clip",
    "prepare_scene",
    "put_beside",
]
