"""Runs an evaluation: every method along every path, with each result stored."""

from __future__ import annotations

import importlib.metadata
from functools import partial
from typing import Any

import torch

from nerv360.files import digest
from nerv360.lab.benchmarks import SpeedResult, measure_decoding
from nerv360.lab.evaluation.measure import measure_path, measure_sphere
from nerv360.lab.evaluation.methods import Method, VideoMethod
from nerv360.lab.evaluation.plan import EvaluationPlan
from nerv360.lab.evaluation.results import (
    Evaluation,
    PathResult,
    SphereResult,
    path_result,
    speed_result,
    sphere_result,
)
from nerv360.metrics import spread_frames
from nerv360.progress import stage
from nerv360.trajectories import Step

ORIGINAL = "original"
CONSISTENCY_FRAMES = 2


def evaluate(plan: EvaluationPlan) -> Evaluation:
    """Measure all results missing in the output folder, and return all results."""
    scene_key = digest(plan.options.scene)
    paths, spheres, speeds = [], [], []
    for method in plan.methods:
        key = {**method.key}
        if method.name in plan.header.configs:
            key["scene"] = scene_key
        paths += [_path(plan, method, key, name) for name in plan.paths]
        spheres.append(_sphere(plan, method, key))
        speeds.append(_speed(plan, method, key))
    original = VideoMethod(ORIGINAL, 0, "", plan.original.clip, plan.size)
    trained = [method.name for method in plan.methods if method.name in plan.header.configs]
    return Evaluation(
        title=plan.header.attribution.title,
        facts=_facts(plan),
        stored_bytes={method.name: method.bytes for method in plan.methods},
        notes={method.name: method.note for method in plan.methods},
        trainings={name: plan.header.trainings[name] for name in trained},
        paths=paths,
        spheres=spheres,
        speeds=speeds,
        original=_sphere(plan, original, {"method": ORIGINAL}),
    )


def _path(
    plan: EvaluationPlan, method: Method, method_key: dict[str, Any], name: str
) -> PathResult:
    steps = plan.paths[name]
    key = {**plan.base_key, **method_key, "path": [_numbers(step) for step in steps]}

    def measure() -> PathResult:
        still = plan.original.still(plan.header.frames)
        with stage(f"{method.name} along {name}", len(steps)) as shown:
            return measure_path(method, name, steps, plan.original, still, plan.size, shown.advance)

    return plan.store.get(f"{method.name}-{name}", key, measure, path_result)


def _sphere(plan: EvaluationPlan, method: Method, method_key: dict[str, Any]) -> SphereResult:
    frames = spread_frames(plan.options.sphere_frames, plan.header.frames)
    pairs = spread_frames(CONSISTENCY_FRAMES, plan.header.frames)
    key = {**plan.base_key, "sphere": frames, "consistency": pairs, "hfov": plan.hfov, **method_key}

    def measure() -> SphereResult:
        still = plan.original.still(plan.header.frames)
        with stage(f"{method.name}, whole sphere", len(frames)) as shown:
            return measure_sphere(
                method, plan.original, still, frames, pairs, plan.hfov, shown.advance
            )

    return plan.store.get(f"{method.name}-sphere", key, measure, sphere_result)


def _speed(plan: EvaluationPlan, method: Method, method_key: dict[str, Any]) -> SpeedResult:
    task = plan.decoding_tasks[method.name]
    key = {**method_key, "task": task.to_dict(), "torch": plan.base_key["torch"]}
    with stage(f"{method.name}, speed and memory"):
        measure = partial(measure_decoding, method.name, task)
        return plan.store.get(f"{method.name}-speed", key, measure, speed_result)


def _numbers(step: Step) -> list[float]:
    look = step.look
    return [step.frame, look.yaw, look.pitch, look.hfov]


def _facts(plan: EvaluationPlan) -> dict[str, str]:
    attribution = plan.header.attribution
    info = plan.original.info
    return {
        "Scene": plan.options.scene.name,
        "Clip": f"{plan.options.clip.path.name}, {info.width}×{info.height}, {plan.header.frames} "
        f"pictures, {info.fps:g} a second",
        "Its pictures": plan.sameness,
        "Material": "; ".join((attribution.title, *attribution.terms)),
        "Viewports": f"{plan.size[1]}×{plan.size[0]}",
        "Program": f"nerv360 {importlib.metadata.version('nerv360')}, torch {torch.__version__}",
    }
