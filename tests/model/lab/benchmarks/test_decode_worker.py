"""Speed and memory of one decoder: it alone, and the median of several processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from nerv360.lab.benchmarks.decode_worker import DecodingTask, measure_decoding
from nerv360.scene import Scene, write_scene
from tests.support.scenes import tiny_scene

FRAMES = 2000


def measured(scene: Scene, file: Path) -> int:
    write_scene(file, scene)
    task = DecodingTask(file, "nerv360", "cpu")
    return measure_decoding("nerv360", task, processes=1).memory_bytes


@pytest.mark.slow
def test_memory_is_that_of_the_named_decoder_alone(tmp_path: Path) -> None:
    scene = tiny_scene("nerv360", "hnerv", frames=FRAMES)
    heavy = scene.decoders["hnerv"]
    heavy.config = heavy.config.replace(frame_height=1536, frame_width=3072)
    heavy.embeddings = torch.zeros(FRAMES, 1, *heavy.config.embedding_size)  # 62 MiB of floats
    beside = measured(scene, tmp_path / "both.safetensors")
    del scene.decoders["hnerv"]
    alone = measured(scene, tmp_path / "alone.safetensors")
    assert beside - alone < 20 * 2**20


def test_several_processes_give_their_median_and_range(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [(30.0, 500), (10.0, 900), (20.0, 600)]

    def worker(*_: Any) -> dict[str, Any]:
        milliseconds, memory = answers.pop()
        return {
            "decode_ms": milliseconds,
            "fps": 1000 / milliseconds,
            "memory_bytes": memory,
            "memory_kind": "a peak",
            "machine": "a machine",
        }

    monkeypatch.setattr("nerv360.lab.benchmarks.decode_worker.run_worker", worker)
    result = measure_decoding("nerv360", DecodingTask(Path("pier.safetensors"), "nerv360"))
    assert answers == []
    assert (result.decode_ms, result.fps) == (20.0, 50.0)
    assert (result.memory_bytes, result.memory_range) == (600, (500, 900))
