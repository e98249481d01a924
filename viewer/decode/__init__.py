"""Decoding behind the window: one thread, its sessions and engines."""

from viewer.decode.clip_source import ORIGINAL, prepare_clip
from viewer.decode.look_prediction import Request
from viewer.decode.open_scene import EngineSource, OpenScene
from viewer.decode.scene_source import decoder_names, prepare_scene
from viewer.decode.session import DecodeReport
from viewer.decode.worker import DecodeWorker

__all__ = [
    "ORIGINAL",
    "DecodeReport",
    "DecodeWorker",
    "EngineSource",
    "OpenScene",
    "Request",
    "decoder_names",
    "prepare_clip",
    "prepare_scene",
]
