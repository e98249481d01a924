"""Prepares an evaluation: checks input, opens and encodes methods, levels paths."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from nerv360.clip_pictures import ClipPictures
from nerv360.decoding import decoded_look, open_engine
from nerv360.errors import InputError
from nerv360.files import digest
from nerv360.lab.benchmarks import DecodingTask
from nerv360.lab.evaluation.codec import Encoding, encode_at
from nerv360.lab.evaluation.methods import (
    DecoderMethod,
    Method,
    VideoMethod,
    common_limits,
)
from nerv360.lab.evaluation.results import ResultStore
from nerv360.progress import stage
from nerv360.scene import SceneHeader, bytes_alone, check_clip, read_header
from nerv360.trajectories import Step, Trajectory
from nerv360.video import Clip


@dataclass(frozen=True)
class EvaluationOptions:
    """Scope of an evaluation.

    Attributes:
        scene: file.
        clip: the one that the scene was trained on.
        output: folder of the report, new or of an earlier report.
        decoders: names of the scene's decoders; empty for all.
        codecs: conventional codecs to compare with, from `nerv360.lab.evaluation.codec.CODECS`.
        device: name for `nerv360.devices.choose_device`.
        size: height and width of the viewports; None for the decoder's own.
        sphere_frames: number of pictures to compare as whole spheres.
    """

    scene: Path
    clip: Clip
    trajectories: list[Trajectory]
    output: Path
    decoders: tuple[str, ...] = ()
    codecs: tuple[str, ...] = ()
    device: str = "auto"
    size: tuple[int, int] | None = None
    sphere_frames: int = 10


@dataclass(frozen=True)
class EvaluationPlan:
    """An evaluation that has been checked and can run.

    Attributes:
        sameness: a phrase on how well the clip matches the scene.
        methods: NeRV360 and the other decoders first, then the codecs.
        decoding_tasks: by method name, the task for measuring its speed.
        paths: by name, the level looks at which every method is measured.
        original: the clip's pictures.
        size: height and width of the viewports.
        hfov: field of view for view consistency, radians.
        base_key: values that all results depend on.
    """

    options: EvaluationOptions
    sameness: str
    header: SceneHeader
    methods: list[Method]
    decoding_tasks: dict[str, DecodingTask]
    paths: dict[str, list[Step]]
    original: ClipPictures
    size: tuple[int, int]
    hfov: float
    base_key: dict[str, Any]
    store: ResultStore


def prepare(options: EvaluationOptions) -> EvaluationPlan:
    """Check all input, open the engines, and encode the clip with the wanted codecs.

    Raises:
        InputError: scene, clip, paths, options and output folder do not fit together.
    """
    header = read_header(options.scene).header
    clip = options.clip.at_size((header.height, header.width))
    original = ClipPictures(clip)
    sameness = check_clip(original.info, original.__getitem__, clip.path, header, options.scene)
    names = options.decoders or tuple(header.configs)
    engines = {n: open_engine(options.scene, n, options.device, options.size) for n in names}
    # The viewport decoders' size and field of view, if there is one.
    shown = next((name for name in names if not engines[name].full_frame), names[0])
    engine, config = engines[shown], header.configs[shown]
    size = options.size or (config.viewport_height, config.viewport_width)
    size = size if engine.full_frame else engine.size
    limits = common_limits(list(engines.values()))
    paths = _paths(options.trajectories, header, limits)
    store = ResultStore(options.output)
    key = {
        "clip": digest(clip.path),
        "clip_options": clip.options,
        "frames": header.frames,
        "size": list(size),
        "limits": list(limits),
        "torch": torch.__version__,
    }
    methods: list[Method] = []
    tasks: dict[str, DecodingTask] = {}
    for name, engine in engines.items():
        methods.append(
            DecoderMethod(
                name, bytes_alone(options.scene, name), engine, size, (header.height, header.width)
            )
        )
        tasks[name] = DecodingTask(options.scene, name, options.device, options.size)
    target = next((m for m in methods if m.name == "nerv360"), methods[0]).bytes
    for codec in options.codecs:
        file, encoding = _encoded(clip, codec, target, header.frames, store, key)
        methods.append(VideoMethod(codec, encoding.bytes, encoding.note, file, size))
        tasks[codec] = DecodingTask(file)
    return EvaluationPlan(
        options=options,
        sameness=sameness,
        header=header,
        methods=methods,
        decoding_tasks=tasks,
        paths=paths,
        original=original,
        size=size,
        hfov=min(max(math.radians(config.hfov_deg), limits[0]), limits[1]),
        base_key=key,
        store=store,
    )


def _paths(
    trajectories: list[Trajectory], header: SceneHeader, limits: tuple[float, float]
) -> dict[str, list[Step]]:
    paths: dict[str, list[Step]] = {}
    for trajectory in trajectories:
        name = trajectory.name
        if name in paths:
            raise InputError(f"{trajectory.source}: a path {name} is given already")
        steps = trajectory.steps(header.frames, header.fps)
        paths[name] = [replace(step, look=decoded_look(step.look, limits)) for step in steps]
    return paths


@dataclass(frozen=True)
class _EncodedFile(Encoding):
    digest: str


def _encoded(
    clip: Clip,
    codec: str,
    target: int,
    frames: int,
    store: ResultStore,
    key: dict[str, Any],
) -> tuple[Path, Encoding]:
    file = store.folder / "encoded" / f"{codec}-{target}.mp4"
    file.parent.mkdir(exist_ok=True)

    def encode() -> _EncodedFile:
        with stage(f"{codec}: encoding") as shown:
            encoding = encode_at(
                clip, frames, codec, target, file, lambda label: shown.become(label, 0, None)
            )
        return _EncodedFile(encoding.note, encoding.bytes, digest(file))

    full_key = {"clip": key["clip"], "frames": frames, "codec": codec, "target": target}
    get = partial(
        store.get, f"{codec}-encoding", full_key, encode, lambda values: _EncodedFile(**values)
    )
    encoded = get()
    if not file.is_file() or digest(file) != encoded.digest:
        store.forget(f"{codec}-encoding", full_key)
        encoded = get()
    return file, encoded
