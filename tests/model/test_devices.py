"""Devices: what is chosen, and what is said of a card that stays unused."""

from __future__ import annotations

import pytest
import torch

from nerv360.decoding import may_want_compilers, preloading
from nerv360.devices import choose_device, cuda_refusal, training_precision, unused_card
from nerv360.errors import InputError
from tests.support.fake_driver import install_driver, install_torch

OLD, NEW = ("NVIDIA GeForce GTX 1080", (6, 1)), ("NVIDIA GeForce RTX 4090", (8, 9))


@pytest.fixture
def cuda_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch's files are those of the build for CUDA 13."""
    monkeypatch.setattr(preloading, "_torch_builds", lambda: ("13.0", False))


@pytest.mark.usefixtures("cuda_build")
def test_a_driver_too_old_for_torch_leaves_the_cpu_and_says_which_would_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install_driver(monkeypatch, 12020)
    install_torch(monkeypatch)
    assert choose_device("auto") == torch.device("cpu")
    sentence = (
        "the NVIDIA driver (CUDA 12.2) is too old for CUDA 13.0: update the driver to R580 or "
        "later, or install a torch built for CUDA 12"
    )
    assert unused_card() == f"The graphics card decodes nothing: {sentence}."
    with pytest.raises(InputError, match=r"torch cannot use cuda: the NVIDIA driver .* R580"):
        choose_device("cuda")
    assert not may_want_compilers(), "torch will give the CPU, which needs none"


@pytest.mark.usefixtures("cuda_build")
@pytest.mark.parametrize(
    ("version", "cards", "error", "refusal", "said"),
    [
        (None, 0, 0, "there is no NVIDIA driver here", False),
        (13000, 0, 100, "finds no card", False),
        (13000, 0, 0, "finds no card", False),
        (13000, 1, 999, r"cannot be initialised \(CUDA error 999\): restart", True),
        (0, 1, 999, "the NVIDIA driver cannot be initialised", True),
        (13000, 1, 0, "CUDA_VISIBLE_DEVICES", True),
    ],
)
def test_what_the_driver_lacks_is_said_if_there_may_be_a_card(
    version: int | None,
    cards: int,
    error: int,
    refusal: str,
    said: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install_driver(monkeypatch, version, cards, error)
    install_torch(monkeypatch)
    assert choose_device("auto") == torch.device("cpu")
    with pytest.raises(InputError, match=refusal):
        choose_device("cuda")
    assert (unused_card() is not None) is said
    assert may_want_compilers() is (error == 0 and cards > 0)


def test_a_torch_without_cuda_says_so_beside_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    install_driver(monkeypatch, 13000)
    install_torch(monkeypatch, cuda=None)
    reason = unused_card()
    assert reason is not None
    assert "is a build without CUDA: install the CUDA build" in reason
    install_driver(monkeypatch, None)
    assert unused_card() is None


def test_a_card_that_torch_has_no_code_for_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    install_torch(monkeypatch, OLD)
    assert choose_device("auto") == torch.device("cpu")
    expected = (
        "no code for the card NVIDIA GeForce GTX 1080 of compute capability 6.1, which is too old"
    )
    reason = unused_card()
    assert reason is not None
    assert expected in reason
    assert "install a torch built for an older CUDA" in reason
    with pytest.raises(InputError, match=expected):
        choose_device("cuda:0")


def test_the_first_card_that_torch_has_code_for_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    install_torch(monkeypatch, OLD, NEW)
    assert choose_device("auto") == torch.device("cuda", 1)
    assert choose_device("cuda:1") == torch.device("cuda", 1)
    assert unused_card() is None
    with pytest.raises(InputError, match="too old"):
        choose_device("cuda")
    with pytest.raises(InputError, match="there is no cuda:2, only 2 CUDA devices"):
        choose_device("cuda:2")
    install_torch(monkeypatch, NEW, OLD)
    assert choose_device("auto") == torch.device("cuda")


@pytest.mark.parametrize(
    ("capability", "codes", "runs"),
    [
        ((8, 9), "sm_80 sm_90", True),  # code of the same major capability
        ((8, 9), "sm_90 sm_100", False),
        ((8, 0), "sm_86 sm_90", False),
        ((7, 0), "sm_75 sm_80", False),
        ((7, 5), "sm_75 sm_80", True),
        ((12, 1), "sm_90 sm_120", True),
        ((13, 0), "sm_90 sm_120", False),
        ((13, 0), "sm_90 compute_120", True),  # which the driver translates
        ((9, 0), "sm_90a", True),
        ((10, 3), "sm_100a compute_100a", False),
        ((10, 3), "sm_100f", True),
        ((9, 0), "", True),  # of no list nothing is known
        ((9, 0), "gfx90a gfx1100", False),
    ],
)
def test_code_runs_on_cards_of_its_own_kind(
    capability: tuple[int, int], codes: str, runs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_torch(monkeypatch, ("a card", capability), codes=codes)
    assert (cuda_refusal() is None) is runs
    assert choose_device("auto").type == ("cuda" if runs else "cpu")


def test_a_card_newer_than_torch_is_called_new(monkeypatch: pytest.MonkeyPatch) -> None:
    install_torch(monkeypatch, ("a card", (13, 0)), codes="sm_90 sm_120")
    reason = cuda_refusal()
    assert reason is not None
    assert "too new" in reason
    assert "a newer CUDA" in reason


@pytest.mark.parametrize(
    ("capability", "suits", "expected"),
    [
        ((8, 0), True, torch.bfloat16),
        ((12, 0), True, torch.bfloat16),
        ((7, 5), True, torch.float16),  # it has no bfloat16 convolutions
        ((8, 9), False, torch.float16),  # as for HNeRV
    ],
)
def test_cuda_trains_in_the_type_that_suits_card_and_network(
    capability: tuple[int, int],
    suits: bool,
    expected: torch.dtype,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install_torch(monkeypatch, ("a card", capability))
    assert training_precision(torch.device("cuda"), suits_bfloat16=suits) is expected


@pytest.mark.parametrize("multiplies", [True, False])
def test_the_cpu_trains_in_bfloat16_if_it_multiplies_it_and_it_suits(
    multiplies: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nerv360.devices.multiplies_bfloat16", lambda: multiplies)
    half = torch.bfloat16 if multiplies else torch.float32
    assert training_precision(torch.device("cpu"), suits_bfloat16=True) is half
    assert training_precision(torch.device("cpu"), suits_bfloat16=False) is torch.float32
    assert training_precision(torch.device("mps"), suits_bfloat16=True) is torch.float32
