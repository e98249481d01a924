"""Table 1: the prediction of its memory, its refusals, its parts and its arithmetic."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from model.benchmarks import table1
from model.benchmarks.memory_estimate import OPTIMISER_COPIES, LiveBytes, predicted_bytes
from model.benchmarks.process import OutOfMemoryError, WorkerError
from model.benchmarks.table1 import (
    PAPER_TABLE1,
    fps_of,
    gib_of,
    measure_table1,
    parts_left_out,
    ratios,
    smaller_scale,
)
from model.benchmarks.table1_worker import (
    LapTimes,
    PartResult,
    measure_part,
    measure_part_here,
    quartiles_ms,
)
from model.config import ModelConfig
from model.decoding.eager import to_rgba
from model.errors import InputError
from model.networks.nerv360 import NeRV360
from model.networks.registry import build_decoder, preset
from model.training.autoencoder import Autoencoder
from model.training.loss import DistortionLoss
from tests.support.scenes import CONFIGS
from viewer.cli import main

CPU = torch.device("cpu")
TRIO = {n: c.replace(frame_height=96, frame_width=192) for n, c in CONFIGS.items()}
TINY = TRIO["nerv360"]
RESULT = PartResult(10.0, 2**30, "a peak", 3, (90.0, 100.0, 110.0), "a program", "a machine")


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """The three decoders of a tiny comparison, measured in this process."""
    monkeypatch.setattr("model.benchmarks.resolution.comparison", lambda preset, scale: TRIO)
    monkeypatch.setattr(table1, "measure_part", measure_part_here)


def test_bytes_are_counted_while_their_tensor_lives() -> None:
    with LiveBytes() as counter:
        first = torch.zeros(1000)
        second = first + 1
        view = second[:10]
        assert counter.live == 8000
        del first, second
        assert counter.live == 4000
        del view
        assert counter.live == 0
    assert counter.peak == 8000


def test_the_prediction_is_what_a_real_training_step_holds() -> None:
    config = TINY.replace(frame_height=192, frame_width=384, viewport_height=96, viewport_width=144)
    network, loss = Autoencoder(config), DistortionLoss(96, 144)
    time, look = torch.zeros(1, dtype=torch.float64), torch.zeros(1, 4, dtype=torch.float64)
    look[0, 3] = 1.0
    with LiveBytes() as counter:
        frame = torch.rand(1, 3, 192, 384)
        loss(network(frame, time, look), network.target(frame, look)).backward()
    parameters = sum(p.numel() * 4 for p in network.parameters())
    predicted = predicted_bytes("training", config) - OPTIMISER_COPIES * parameters
    assert predicted == pytest.approx(counter.peak, rel=0.1)


@pytest.mark.parametrize("name", TRIO)
def test_a_decoder_in_half_precision_is_predicted_so(name: str) -> None:
    config = TRIO[name].replace(viewport_height=96, viewport_width=144)
    network = build_decoder(config).requires_grad_(False)
    time, look = torch.zeros(1, dtype=torch.float64), torch.zeros(1, 4, dtype=torch.float64)
    look[0, 3] = 1.0
    inputs = (time, look) if isinstance(network, NeRV360) else (time,)
    with torch.autocast("cpu", torch.bfloat16), LiveBytes() as counter:
        to_rgba(network(torch.rand(1, config.embedding_channels, *config.embedding_size), *inputs))
    parameters = sum(p.numel() * 4 for p in network.parameters())
    predicted = predicted_bytes("decoding", config, torch.bfloat16) - parameters
    assert predicted == pytest.approx(counter.peak, rel=0.1)


def test_whole_frames_of_the_papers_take_half_the_memory_in_half_precision() -> None:
    boost = preset("paper-hnerv-boost")
    whole, half = (predicted_bytes("decoding", boost, t) for t in (torch.float32, torch.float16))
    assert half < 11 * 2**30 < 20 * 2**30 < whole
    assert whole < 21 * 2**30, "without the copies that wrapping around the sphere takes"
    assert predicted_bytes("decoding", boost.replace(erp_padding="wrap")) > 24 * 2**30


def test_full_frames_take_more_to_decode_and_training_more_than_decoding() -> None:
    viewport = predicted_bytes("decoding", TINY)
    whole = predicted_bytes("decoding", TRIO["hnerv-boost"])
    assert viewport < whole < predicted_bytes("training", TRIO["hnerv-boost"])


def test_what_does_not_fit_is_refused_with_a_scale_that_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(table1, "free_bytes", lambda device: 8 * 2**30)
    assert main(["bench", "--table", "1", "--device", "cpu"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "training nerv360 would take 2" in said.err
    assert "7.2 GiB can be used; try 1/4" in said.err


def test_a_gpu_leaves_out_full_frame_parts_that_do_not_fit_and_says_what_they_need(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes = {("nerv360", "training"): 5, ("hnerv", "training"): 12, ("hnerv", "decoding"): 6}

    def needed(part: str, config: ModelConfig, *, half: bool) -> int:
        return sizes.get((config.architecture, part), 20)

    monkeypatch.setattr(table1, "needed_bytes", needed)
    monkeypatch.setattr(table1, "free_bytes", lambda device: 12)
    monkeypatch.setattr(table1, "measure_part", lambda *_: RESULT)
    needs = parts_left_out(TRIO, Fraction(1), torch.device("cuda"))
    assert needs == {
        ("hnerv", "training"): 12,
        ("hnerv-boost", "training"): 20,
        ("hnerv-boost", "decoding"): 20,
    }
    with pytest.raises(InputError):
        parts_left_out(TRIO, Fraction(1), CPU)
    asked: list[str] = []
    rows = measure_table1(TRIO, needs, CPU, 3, asked.append)
    assert len(asked) == table1.table1_steps(TRIO) == 7
    assert [fps_of(row.parts["training"]) for row in rows] == [10.0, None, None]
    assert rows[1].to_dict()["parts"]["training"] == {"needs_bytes": 12}
    assert rows[1].to_dict()["parts"]["decoding"]["fps"] == 10.0


def test_a_part_that_runs_out_of_memory_says_what_it_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object) -> PartResult:
        raise OutOfMemoryError("decoding of nerv360 failed")

    monkeypatch.setattr(table1, "measure_part", full)
    (row,) = measure_table1({"nerv360": TINY}, {}, CPU, 3, lambda _: None)
    assert gib_of(row.parts["decoding"]) is None
    assert row.parts["decoding"] == table1.needed_bytes("decoding", TINY, half=False)


def test_a_part_names_the_precision_of_its_own_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.devices.multiplies_bfloat16", lambda: True)
    assert measure_part_here("decoding", TINY, CPU, 1).program == "folded engine, bfloat16"


def test_the_quartiles_are_those_of_the_times() -> None:
    assert quartiles_ms([0.004, 0.001, 0.003, 0.002, 0.005]) == pytest.approx((2, 3, 4))
    assert quartiles_ms([0.5]) == (500, 500, 500)


def test_ratios_are_over_nerv360() -> None:
    assert ratios([2.0, 1.0, None]) == [1.0, 0.5, None]
    assert ratios([None, 1.0, 2.0]) == [None, None, None]
    memory = ratios([PAPER_TABLE1[name]["decoding"][1] for name in TRIO])
    assert memory[1] == pytest.approx(7.28, abs=0.01)


def test_the_largest_halving_that_fits_is_advised() -> None:
    bare = table1.BARE_BYTES
    assert smaller_scale(Fraction(1), bare + 1600, bare + 400) == Fraction(1, 2)
    assert smaller_scale(Fraction(1), bare + 1600, bare + 399) == Fraction(1, 4)
    assert smaller_scale(Fraction(1, 4), bare + 1600, bare + 400) == Fraction(1, 8)
    assert smaller_scale(Fraction(1), bare + 1600, bare) is None


def test_twenty_slow_pictures_are_enough_and_the_first_is_never_counted() -> None:
    slow, fast = LapTimes(50), LapTimes(50)
    for _ in range(21):
        assert not slow.done
        slow.lap(30.0)
    assert slow.done
    assert len(slow.seconds) == 20
    while not fast.done:
        fast.lap(0.01)
    assert len(fast.seconds) == 50


def test_a_process_of_its_own_measures_a_part() -> None:
    result = measure_part("training", TINY, CPU, 3)
    assert result.pictures == 3
    assert result.fps > 0
    assert result.memory_bytes > 0
    assert result.program == "training step, float32"


@pytest.mark.parametrize(
    ("code", "error", "expected"),
    [
        (-signal.SIGKILL, "", OutOfMemoryError),
        (1, "torch.OutOfMemoryError: CUDA out of memory.", OutOfMemoryError),
        (1, "KeyError: 'flying'", WorkerError),
    ],
)
def test_a_failed_process_is_told_from_one_that_did_not_fit(
    code: int, error: str, expected: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = subprocess.CompletedProcess([], code, "", f"Traceback:\n{error}\n")
    monkeypatch.setattr("model.benchmarks.process.subprocess.run", lambda *_, **__: failed)
    with pytest.raises(WorkerError) as raised:
        measure_part("decoding", TINY, CPU, 3)
    assert raised.type is expected


@pytest.mark.usefixtures("tiny")
def test_the_command_prints_the_table_and_writes_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "table1.json"
    options = ["--scale", "1/8", "--device", "cpu", "--pictures", "3", "-o", str(file)]
    assert main(["bench", "--table", "1", *options]) == 0
    said = capsys.readouterr().out
    for wanted in ("1/8 of the sides", "HNeRV-Boost", "38.4", "73.2", "torch", "threads"):
        assert wanted in said
    report = json.loads(file.read_text())
    assert report["scale"] == "1/8"
    assert {"date", "device", "threads", "torch"} <= set(report)
    for row in report["rows"]:
        for part in row["parts"].values():
            first, median, third = part["quartiles_ms"]
            assert 0 < first <= median <= third
            assert part["fps"] == pytest.approx(1000 / median)
    words = " ".join(said.split())
    precision = r"(b?float\d+)"
    assert re.search(
        rf"Decoding: NeRV360, folded engine, {precision}; HNeRV, folded engine, float32; "
        rf"HNeRV-Boost, folded engine, \1", words
    )  # fmt: skip
    fps = [row["parts"]["decoding"]["fps"] for row in report["rows"]]
    assert report["ratios"]["decoding FPS"]["measured"][2] == pytest.approx(fps[2] / fps[0])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--table", "3"], "--table must be 1 or 2, not 3"),
        (["--scale", "1/8"], "--scale goes with --table"),
        (["--table", "1", "--epochs", "2"], "--epochs, --frames and --seeds go with --table 2"),
        (["--table", "1", "scene.safetensors"], "needs no file"),
        (["--table", "1", "--scale", "1/7"], "--scale: "),
        (["--table", "1", "--preset", "huge"], "--preset: the preset must be one of paper, demo"),
        (["--table", "2"], "needs a clip"),
        (["--table", "2", "missing.mp4"], "missing.mp4"),
    ],
)
def test_bad_options_are_one_sentence(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *options]) == 2
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert said in printed
