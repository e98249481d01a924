"""Cost against size: clips, the cut, workers, and results that say why they are none."""

from __future__ import annotations

import io
import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from nerv360.config import ModelConfig
from nerv360.errors import InputError
from nerv360.geometry import Look, sample_erp, viewport_directions
from nerv360.lab.benchmarks.sizes import clips, measure
from nerv360.lab.benchmarks.sizes.clips import FPS, encode_clip
from nerv360.lab.benchmarks.sizes.cut import cut_viewport
from nerv360.lab.benchmarks.sizes.measure import (
    METHODS,
    SizeFailure,
    SizeResult,
    Times,
    measure_sizes,
    parse_sizes,
    sized_configs,
)
from nerv360.lab.benchmarks.sizes.plot import draw_sizes
from nerv360.lab.benchmarks.sizes.sample import (
    ShownClip,
    SizeSample,
    SizeTask,
    measure_sample,
    measure_sample_here,
)
from nerv360.lab.worker import WorkerError
from nerv360.networks import preset
from nerv360.video import ClipReader, open_clip
from nerv360.video.stored import StoredVideo
from nerv360.video.writing import FolderWriter
from tests.support.clips import ramp
from tests.support.scenes import CONFIGS

CPU = torch.device("cpu")
VIEWPORT = (24, 48)
PLAYING = [(0.02, 0.004), (0.03, 0.006), (0.04, 0.008)]
SAMPLE = SizeSample(
    [(0.1, 0.1)], PLAYING, [(0.5, 0.1)], [], 2**20, "a peak", "a program", "a machine"
)


def configs(*widths: int) -> dict[int, dict[str, ModelConfig]]:
    return {
        w: {n: c.replace(frame_width=w, frame_height=w // 2) for n, c in CONFIGS.items()}
        for w in widths
    }


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a folder with one picture, 96×48."""
    with FolderWriter(tmp_path / "source") as writer:
        writer.write(ramp(3))
    return tmp_path / "source"


@pytest.mark.parametrize("look_deg", [(0, 0), (177, -20), (40, 88), (-90, -89)])
def test_the_cut_is_what_sampling_the_whole_frame_gives(look_deg: tuple[float, float]) -> None:
    generator = torch.Generator().manual_seed(0)
    frame = torch.randint(256, (64, 128, 4), dtype=torch.uint8, generator=generator)
    look = Look.from_degrees(*look_deg)
    planes = frame.permute(2, 0, 1)[None].float()
    wanted = sample_erp(planes, viewport_directions(look, *VIEWPORT))[0].permute(1, 2, 0)
    got = cut_viewport(frame, look, VIEWPORT)
    assert got.dtype == torch.uint8
    assert (got.float() - wanted).abs().max() < 0.6


@pytest.mark.parametrize("codec", ["x265", "av1"])
def test_a_clip_turns_has_a_keyframe_a_second_and_too_many_pictures_to_keep(
    codec: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clips, "KEPT_BYTES", 2**20)
    file = tmp_path / "clip.mp4"
    note = clips.encode_clip_here(open_clip(source), codec, 256, file)
    assert note.startswith(("libx265", "libsvtav1", "libaom", "librav1e"))
    index = open_clip(file)
    assert isinstance(index.stored, StoredVideo)
    seconds = len(index.stored.index.keyframes)
    assert seconds == 3 + 2**20 // (256 * 128 * 3 // 2) // 10
    assert index.info.frames == seconds * FPS
    assert (index.info.width, index.info.height, index.info.fps) == (256, 128, FPS)
    reader = ClipReader(index)
    first, later, again = (reader.frame(k).float() for k in (0, FPS - 1, 2 * FPS))
    assert (first - again).abs().mean() < 0.5
    step = round((FPS - 1) * clips.TURN * 96) * 256 // 96
    turned = first.roll(step, 1)
    assert (turned - later).abs().mean() < (first - later).abs().mean() / 2


def test_jumps_land_in_another_second_each_time(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clips, "KEPT_BYTES", 2**21)
    file = tmp_path / "clip.mp4"
    clips.encode_clip_here(open_clip(source), "x265", 256, file)
    method = ShownClip(file, VIEWPORT)
    jumps = list(itertools.islice(method.jumps(0), 60))
    seconds = [jump // FPS for jump in jumps]
    assert len(set(seconds)) == method.frames // FPS
    assert all(a != b for a, b in itertools.pairwise(seconds))
    places = [jump % FPS for jump in jumps]
    assert abs(sum(places) / len(places) - (FPS - 1) / 2) < 1.5


@pytest.mark.slow
def test_processes_of_their_own_measure_a_decoder_and_a_clip(source: Path, tmp_path: Path) -> None:
    config = configs(192)[192]["nerv360"]
    decoder = measure_sample(SizeTask("NeRV360", VIEWPORT, 3, "cpu", config), 120.0)
    assert "engine, " in decoder.program
    assert decoder.converting == []
    file = tmp_path / "clip.mp4"
    encode_clip(open_clip(source), "av1", 256, file, 120.0)
    clip = measure_sample(SizeTask("AV1", VIEWPORT, 3, clip=file), 120.0)
    assert clip.program.startswith("PyAV ")
    assert len(clip.converting) > 0
    for sample in (decoder, clip):
        assert sample.memory_bytes > 0
        for seconds in (sample.looking, sample.playing, sample.jumping):
            assert 3 <= len(seconds) <= 6
            assert min(min(pair) for pair in seconds) > 0


def test_a_whole_frame_decoder_decodes_each_frame_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from nerv360.decoding.folded import FoldedEngine

    decoded: list[int] = []
    own = FoldedEngine.decode

    def decode(self: FoldedEngine, look: Look, frame: int) -> Any:
        decoded.append(frame)
        return own(self, look, frame)

    monkeypatch.setattr(FoldedEngine, "decode", decode)
    sample = measure_sample_here(SizeTask("HNeRV", VIEWPORT, 3, "cpu", configs(96)[96]["hnerv"]))
    assert decoded[0] == 0
    assert all(a != b for a, b in itertools.pairwise(decoded)), "looking decodes nothing"
    assert len(decoded) >= 1 + len(sample.playing) + len(sample.jumping)


def test_what_is_too_large_too_slow_or_cannot_be_encoded_is_a_row_that_says_so(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[tuple[str, int]] = []

    def sample(task: SizeTask, limit_s: float) -> SizeSample:
        measured.append((task.name, task.run))
        if task.name == "HNeRV-Boost":
            raise WorkerError("decoding HNeRV-Boost took longer than 7 seconds")
        return replace(SAMPLE, memory_bytes=2**20 * (3 - task.run))

    def encode(source: Path, codec: str, width: int, output: Path, limit_s: float) -> str:
        if codec == "av1":
            raise WorkerError("encoding av1 failed: no encoder")
        return "libx265, crf 26"

    def needed(part: str, config: ModelConfig, *, half: bool) -> int:
        return 2**40 if config.architecture == "hnerv" else 1

    monkeypatch.setattr(measure, "measure_sample", sample)
    monkeypatch.setattr(measure, "encode_clip", encode)
    monkeypatch.setattr(measure, "needed_bytes", needed)
    asked: list[tuple[str, int, int]] = []
    rows = list(
        measure_sizes(configs(96), open_clip(source), CPU, 3, 7.0, lambda *it: asked.append(it))
    )
    assert [row.method for row in rows] == list(METHODS)
    assert [(done, total) for _, done, total in asked] == [(k, 7) for k in range(7)]
    failed = {row.method: row.failed for row in rows if isinstance(row, SizeFailure)}
    assert failed.keys() == {"hnerv", "hnerv crops", "hnerv-boost", "av1"}
    assert failed["hnerv"].startswith("decoding would take 1024.0 GiB, and ")
    assert failed["hnerv-boost"] == "decoding HNeRV-Boost took longer than 7 seconds"
    assert failed["av1"] == "encoding av1 failed: no encoder"
    assert measured == [
        *[("NeRV360", run) for run in range(3)], ("HNeRV-Boost", 0),
        *[("HNeRV-Boost crops", run) for run in range(3)],
        *[("x265", run) for run in range(3)],
    ]  # fmt: skip
    first = rows[0]
    assert isinstance(first, SizeResult)
    assert first.playing.pictures == 9
    assert first.playing.mean_ms == pytest.approx(30.0)
    assert first.playing.quartiles_ms == pytest.approx((20.0, 30.0, 40.0))
    assert first.playing.processor_quartiles_ms == pytest.approx((4.0, 6.0, 8.0))
    assert (first.memory_bytes, first.memory_range) == (2 * 2**20, (2**20, 3 * 2**20))
    assert (first.settings, first.converting) == (None, None)


def test_no_further_process_is_begun_that_would_pass_the_limit(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = itertools.count(0.0, 50.0)
    monkeypatch.setattr("nerv360.lab.benchmarks.sizes.measure.time.monotonic", lambda: next(clock))
    monkeypatch.setattr(measure, "measure_sample", lambda task, limit_s: SAMPLE)
    task = SizeTask("HNeRV", VIEWPORT, 3)
    assert len(measure.repeated_samples(task, 99.0)) == 1
    clock = itertools.count(0.0, 50.0)
    assert len(measure.repeated_samples(task, 120.0)) == 2


def test_sizes_are_widths_that_the_strides_divide() -> None:
    assert parse_sizes("4096, 1024,1024") == [1024, 4096]
    for text in ("", "1024,,2048", "wide", "64", "32768", "1022", "-1024", "1e3"):
        with pytest.raises(InputError, match="give widths such as 1024,2048"):
            parse_sizes(text)
    sized = sized_configs("demo", [4096])[4096]
    assert sized["hnerv"] == preset("demo-hnerv").replace(frame_width=4096, frame_height=2048)
    with pytest.raises(InputError, match="divisible by 8"):
        sized_configs("demo", [1004])
    with pytest.raises(InputError, match="preset must be one of"):
        sized_configs("huge", [])


def test_the_plot_has_gaps_where_nothing_was_measured() -> None:
    times = Times(3, 30.0, (20.0, 30.0, 40.0), (4.0, 6.0, 8.0))
    rows: list[SizeResult | SizeFailure] = []
    for width, method in itertools.product((1024, 2048), METHODS):
        frame = (width // 2, width)
        if (width, method) == (2048, "hnerv"):
            rows.append(SizeFailure(method, frame, "too large"))
            continue
        peak = 2**20 * width
        rows.append(
            SizeResult(
                method, frame, times, times, times, None, peak, (peak, peak), "a peak", 1,
                "a program", None, "a machine",
            )
        )  # fmt: skip
    whole = draw_sizes(rows, processor=True)
    picture = np.asarray(Image.open(io.BytesIO(whole)).convert("RGB"))
    assert picture.shape[1] > 1000
    blue = (picture == (0x0B, 0x6E, 0x99)).all(-1)
    assert blue.any(), "NeRV360's line"
    assert draw_sizes(rows[:1], processor=True) != whole
    assert draw_sizes(rows, processor=False) != whole
    assert draw_sizes([SizeFailure("hnerv", (512, 1024), "too large")], processor=True)
