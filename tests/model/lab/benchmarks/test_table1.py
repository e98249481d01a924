"""Table 1: its refusals, its parts and its arithmetic."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch

from nerv360.config import ModelConfig
from nerv360.errors import InputError
from nerv360.lab.benchmarks import table1
from nerv360.lab.benchmarks.parts import (
    LapTimes,
    PartResult,
    measure_part,
    measure_part_here,
    quartiles_ms,
)
from nerv360.lab.benchmarks.table1 import (
    PAPER_TABLE1,
    TooLarge,
    measure_table1,
    parts_left_out,
    ratios,
    smaller_scale,
    table1_ratios,
)
from nerv360.lab.worker import OutOfMemoryError
from tests.support.scenes import CONFIGS

CPU = torch.device("cpu")
TRIO = {n: c.replace(frame_height=96, frame_width=192) for n, c in CONFIGS.items()}
TINY = TRIO["nerv360"]
RESULT = PartResult(10.0, 2**30, "a peak", 3, (90.0, 100.0, 110.0), "a program", "a machine")


@pytest.mark.slow
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
    asked: list[tuple[str, int, int]] = []
    rows = measure_table1(TRIO, needs, CPU, 3, lambda *it: asked.append(it))
    assert [(done, total) for _, done, total in asked] == [(k, 9) for k in range(9)]
    trainings = [row.parts["training"] for row in rows]
    assert trainings == [RESULT, TooLarge(12), TooLarge(20)]
    assert rows[1].parts["decoding"] == RESULT
    assert rows[2].parts["decoding in crops"] == RESULT
    assert table1_ratios(rows)["decoding in crops FPS"].paper == [None, None, None]
    assert table1_ratios(rows)["training FPS"].measured == [1.0, None, None]


@pytest.mark.slow
def test_a_part_that_runs_out_of_memory_says_what_it_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object) -> PartResult:
        raise OutOfMemoryError("decoding of nerv360 failed")

    monkeypatch.setattr(table1, "measure_part", full)
    (row,) = measure_table1({"nerv360": TINY}, {}, CPU, 3, lambda *_: None)
    needed = table1.needed_bytes("decoding", TINY, half=False)
    assert row.parts["decoding"] == TooLarge(needed)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "expected"),
    [(TINY, "bfloat16 autocast"), (TINY.replace(architecture="hnerv"), "float32")],
)
def test_training_names_the_precision_that_it_has(
    config: ModelConfig, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nerv360.devices.multiplies_bfloat16", lambda: True)
    assert measure_part_here("training", config, CPU, 1).program == f"training step, {expected}"
    assert measure_part_here("encoding", config, CPU, 1).program == "encoder, float32"


def test_a_part_names_the_precision_of_its_own_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nerv360.devices.multiplies_bfloat16", lambda: True)
    assert measure_part_here("decoding", TINY, CPU, 1).program == "folded engine, bfloat16"


def test_the_quartiles_are_those_of_the_times() -> None:
    assert quartiles_ms([0.004, 0.001, 0.003, 0.002, 0.005]) == pytest.approx((2, 3, 4))
    assert quartiles_ms([0.5]) == (500, 500, 500)


def test_ratios_are_over_nerv360() -> None:
    assert ratios([2.0, 1.0, None]) == [1.0, 0.5, None]
    assert ratios([None, 1.0, 2.0]) == [None, None, None]
    memory = ratios([PAPER_TABLE1[name]["decoding"].gib for name in TRIO])
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


@pytest.mark.slow
def test_a_process_of_its_own_measures_a_part() -> None:
    result = measure_part("training", TINY, CPU, 3)
    assert result.pictures == 3
    assert result.fps > 0
    assert result.memory_bytes > 0
    assert result.program.startswith("training step, ")
