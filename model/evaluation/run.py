"""An evaluation from beginning to end: every method along every path, each result kept."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import torch

from model.benchmarks.decode_worker import DecodingTask, measure_decoding
from model.decoding import Engine, open_engine
from model.errors import InputError
from model.evaluation.clip import ClipPictures, check_clip, digest
from model.evaluation.codec import Encoding, encode_at
from model.evaluation.measure import measure_path, measure_sphere, spread
from model.evaluation.methods import (
    DecoderMethod,
    Method,
    VideoMethod,
    common_limits,
    level_look,
)
from model.evaluation.results import (
    Evaluation,
    ResultStore,
    SphereResult,
    path_result,
    speed_result,
    sphere_result,
    stored,
)
from model.geometry import Look
from model.scene.scene_file import Scene, StoredScene, bytes_alone, read_header, read_scene
from model.trajectories.trajectory import Step, Trajectory

ORIGINAL = "original"
CONSISTENCY_FRAMES = 2


@dataclass(frozen=True)
class Request:
    """What to evaluate.

    Attributes:
        decoders: of the scene; all of them where it is empty.
        codecs: conventional encodings to compare with, of `model.evaluation.codec.CODECS`.
        size: height and width of the viewports; the decoder's own where it is None.
        sphere_frames: how many pictures are compared as whole spheres.
    """

    scene: Path
    clip: Path
    trajectories: list[Trajectory]
    output: Path
    decoders: tuple[str, ...] = ()
    codecs: tuple[str, ...] = ()
    device: str = "auto"
    size: tuple[int, int] | None = None
    sphere_frames: int = 10


class Progress(Protocol):
    """Is told what goes on."""

    def begin(self, label: str, units: int) -> None:
        """Something of ``units`` steps begins."""
        ...

    def advance(self) -> None:
        """One of them is done."""
        ...


@dataclass(frozen=True)
class Plan:
    """An evaluation that has been checked and can run.

    Attributes:
        paths: by name, the level looks that every method is measured at.
        size: height and width of the viewports.
        sameness: how far the clip is known to be the scene's.
    """

    request: Request
    sameness: str
    scene: Scene
    stored: StoredScene
    methods: list[Method]
    decoding_tasks: dict[str, DecodingTask]
    paths: dict[str, list[Step]]
    original: ClipPictures
    size: tuple[int, int]
    hfov: float
    base_key: dict[str, Any]
    store: ResultStore


def prepare(request: Request, progress: Progress) -> Plan:
    """Check everything, open the engines and encode the clip where codecs are asked for.

    Raises:
        InputError: scene, clip, paths, options and output folder do not go together.
    """
    header = read_header(request.scene)
    original = ClipPictures(request.clip)
    sameness = check_clip(original, request.clip, header.header, request.scene)
    scene = read_scene(request.scene)
    names = request.decoders or tuple(scene.decoders)
    engines: dict[str, Engine] = {}
    for name in names:
        engines[name] = open_engine(scene, name, request.device, request.size)
    size = _viewport_size(scene, engines, request.size)
    limits = common_limits(list(engines.values()))
    paths = _paths(request.trajectories, scene, limits)
    store = ResultStore(request.output)
    frame_size = (scene.height, scene.width)
    methods: list[Method] = []
    tasks: dict[str, DecodingTask] = {}
    for name, engine in engines.items():
        size_bytes = bytes_alone(request.scene, name)
        what = "whole frames" if engine.full_frame else "viewports"
        note = f"{what} of {engine.size[1]}×{engine.size[0]}, {engine.name} engine"
        methods.append(DecoderMethod(name, size_bytes, note, engine, size, frame_size))
        tasks[name] = DecodingTask(request.scene, name, request.device, request.size)
    key = {
        "clip": digest(request.clip),
        "frames": scene.frames,
        "size": list(size),
        "limits": list(limits),
        "torch": torch.__version__,
    }
    target = next((m for m in methods if m.name == "nerv360"), methods[0]).bytes
    for codec in request.codecs:
        file, encoding = _encoded(request, codec, target, scene.frames, store, key, progress)
        methods.append(VideoMethod(codec, encoding.bytes, encoding.note, file, size))
        tasks[codec] = DecodingTask(file)
    hfov = min(max(_first_hfov(scene, engines), limits[0]), limits[1])
    return Plan(
        request, sameness, scene, header, methods, tasks, paths, original, size, hfov, key, store
    )  # fmt: skip


def run(plan: Plan, progress: Progress) -> Evaluation:
    """Measure what is not yet in the output folder and return all results."""
    key = plan.base_key
    scene_key = digest(plan.request.scene)
    frames = spread(plan.request.sphere_frames, plan.scene.frames)
    consistency_frames = spread(CONSISTENCY_FRAMES, plan.scene.frames)
    sphere_key = {**key, "sphere": frames, "consistency": consistency_frames, "hfov": plan.hfov}
    paths, spheres, speeds = [], [], []

    def sphere(method: Method, method_key: dict[str, Any]) -> SphereResult:
        progress.begin(f"{method.name}, whole sphere", len(frames))
        values = plan.store.get(
            f"{method.name}-sphere",
            {**sphere_key, **method_key},
            lambda: stored(
                measure_sphere(
                    method,
                    plan.original,
                    plan.original.still(plan.scene.frames),
                    frames,
                    consistency_frames,
                    plan.hfov,
                    progress.advance,
                )
            ),
        )
        return sphere_result(values)

    for method in plan.methods:
        method_key = _method_key(method, scene_key)
        for name, steps in plan.paths.items():
            progress.begin(f"{method.name} along {name}", len(steps))
            values = plan.store.get(
                f"{method.name}-{name}",
                {**key, **method_key, "path": [_numbers(step) for step in steps]},
                lambda method=method, name=name, steps=steps: stored(  # type: ignore[misc]
                    measure_path(
                        method,
                        name,
                        steps,
                        plan.original,
                        plan.original.still(plan.scene.frames),
                        plan.size,
                        progress.advance,
                    )
                ),
            )
            paths.append(path_result(values))
        spheres.append(sphere(method, method_key))
        progress.begin(f"{method.name}, speed and memory", 1)
        task = plan.decoding_tasks[method.name]
        values = plan.store.get(
            f"{method.name}-speed",
            {**method_key, "task": task.to_dict(), "torch": key["torch"]},
            lambda method=method, task=task: stored(  # type: ignore[misc]
                measure_decoding(method.name, task)
            ),
        )
        progress.advance()
        speeds.append(speed_result(values))
    original = VideoMethod(ORIGINAL, 0, "", plan.request.clip, plan.size)
    reference = sphere(original, {"method": ORIGINAL})
    return Evaluation(
        title=plan.scene.material.title,
        facts=_facts(plan),
        stored_bytes={method.name: method.bytes for method in plan.methods},
        notes={method.name: method.note for method in plan.methods},
        trainings={
            method.name: plan.scene.decoders[method.name].training
            for method in plan.methods
            if isinstance(method, DecoderMethod)
        },
        paths=paths,
        spheres=spheres,
        speeds=speeds,
        original=reference,
    )


def _viewport_size(
    scene: Scene, engines: dict[str, Engine], wanted: tuple[int, int] | None
) -> tuple[int, int]:
    for engine in engines.values():
        if not engine.full_frame:
            return engine.size
    config = scene.decoders[next(iter(engines))].config
    return wanted or (config.viewport_height, config.viewport_width)


def _first_hfov(scene: Scene, engines: dict[str, Engine]) -> float:
    viewports = [name for name, engine in engines.items() if not engine.full_frame]
    config = scene.decoders[(viewports or list(engines))[0]].config
    return Look.from_degrees(0.0, 0.0, 0.0, config.hfov_deg).hfov


def _paths(
    trajectories: list[Trajectory], scene: Scene, limits: tuple[float, float]
) -> dict[str, list[Step]]:
    paths: dict[str, list[Step]] = {}
    for trajectory in trajectories:
        name = trajectory.name
        if name in paths:
            raise InputError(f"--trajectory {trajectory.source}: a path {name} is given already")
        steps = trajectory.steps(scene.frames, scene.fps)
        paths[name] = [replace(step, look=level_look(step.look, limits)) for step in steps]
    return paths


def _encoded(
    request: Request,
    codec: str,
    target: int,
    frames: int,
    store: ResultStore,
    key: dict[str, Any],
    progress: Progress,
) -> tuple[Path, Encoding]:
    file = store.folder / "encoded" / f"{codec}-{target}.mp4"
    file.parent.mkdir(exist_ok=True)
    told: Callable[[str], None] = lambda label: progress.begin(label, 1)  # noqa: E731

    def encode() -> dict[str, Any]:
        encoding = encode_at(request.clip, frames, codec, target, file, told)
        return {"note": encoding.note, "bytes": encoding.bytes, "digest": digest(file)}

    full_key = {"clip": key["clip"], "frames": frames, "codec": codec, "target": target}
    name = f"{codec}-encoding"
    values = store.get(name, full_key, encode)
    if not file.is_file() or digest(file) != values["digest"]:
        store.forget(name, full_key)
        values = store.get(name, full_key, encode)
    return file, Encoding(values["note"], values["bytes"])


def _method_key(method: Method, scene_key: str) -> dict[str, Any]:
    if isinstance(method, DecoderMethod):
        engine = method.engine
        return {
            "method": method.name,
            "scene": scene_key,
            "engine": engine.name,
            "device": engine.device.type,
            "picture": list(engine.size),
        }
    return {"method": method.name, "bytes": method.bytes, "note": method.note}


def _numbers(step: Step) -> list[float]:
    look = step.look
    return [step.frame, look.yaw, look.pitch, look.hfov]


def _facts(plan: Plan) -> dict[str, str]:
    material = plan.scene.material
    info = plan.original.info
    return {
        "Scene": plan.request.scene.name,
        "Clip": f"{plan.request.clip.name}, {info.width}×{info.height}, {plan.scene.frames} "
        f"pictures, {info.fps:g} a second",
        "Its pictures": plan.sameness,
        "Material": f"{material.title}; {material.credit}; licence: {material.licence}",
        "Viewports": f"{plan.size[1]}×{plan.size[0]}",
        "Program": f"nerv360 {importlib.metadata.version('nerv360')}, torch {torch.__version__}",
    }
