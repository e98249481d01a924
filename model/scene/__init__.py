"""Scenes and the one file that each is kept in (design, section 4)."""

from model.scene.fingerprint import (
    Fingerprint,
    FingerprintMaker,
    Likeness,
    Sample,
    likeness,
    sampled_frames,
)
from model.scene.header import FORMAT_VERSION, Material, SceneHeader, TrainingSummary
from model.scene.reading import StoredScene, bytes_alone, read_header, read_scene
from model.scene.same_clip import SAME, UNCHECKED, check_clip
from model.scene.scene import Decoder, Scene
from model.scene.still import StillPanorama
from model.scene.writing import quantised, write_scene

__all__ = [
    "FORMAT_VERSION",
    "SAME",
    "UNCHECKED",
    "Decoder",
    "Fingerprint",
    "FingerprintMaker",
    "Likeness",
    "Material",
    "Sample",
    "Scene",
    "SceneHeader",
    "StillPanorama",
    "StoredScene",
    "TrainingSummary",
    "bytes_alone",
    "check_clip",
    "likeness",
    "quantised",
    "read_header",
    "read_scene",
    "sampled_frames",
    "write_scene",
]
