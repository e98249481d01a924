"""Speed and memory of one decoder: it alone, and the median of several processes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nerv360.lab.benchmarks.decoding import DecodingSample, DecodingTask, measure_decoding
from nerv360.lab.benchmarks.memory import Peak
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
    answers = [(0.03, 500), (0.01, 900), (0.02, 600)]

    def worker(_: object) -> DecodingSample:
        seconds, memory = answers.pop()
        return DecodingSample([seconds], Peak(memory, "a peak"), "a machine")

    monkeypatch.setattr("nerv360.lab.benchmarks.decoding.run_alone", worker)
    result = measure_decoding("nerv360", DecodingTask(Path("pier.safetensors"), "nerv360"))
    assert answers == []
    assert (result.decode_ms, result.fps) == (20.0, 50.0)
    assert (result.memory_bytes, result.memory_range) == (600, (500, 900))
