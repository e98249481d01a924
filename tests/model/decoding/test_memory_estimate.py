"""The memory of decoding, told from the configuration, against what torch counts."""

from __future__ import annotations

import pytest

from nerv360.config import ModelConfig
from nerv360.decoding.memory_estimate import decoding_bytes
from tests.support.memory import counted_decoding
from tests.support.scenes import CONFIGS, over_still

_CONDITIONS = 3 * 2**14
"""Bytes of what does not grow with the picture: conditions and sampling grids of tiny networks."""

_CHANGES: dict[str, dict[str, object]] = {
    "as it is": {},
    "larger": {
        "frame_height": 192,
        "frame_width": 384,
        "viewport_height": 96,
        "viewport_width": 144,
    },
    "a small view of a large frame": {"frame_height": 480, "frame_width": 960},
    "zeros around it": {"erp_padding": "zeros"},
    "other blocks": {"blocks": (2, 0, 1, 3)},
    "wide kernels": {"kernels": (3, 5, 3, 5)},
    "wide at the end": {"reduction": 1.0, "channels": 24},
}


@pytest.mark.slow
@pytest.mark.parametrize("changes", _CHANGES.values(), ids=_CHANGES)
@pytest.mark.parametrize("name", CONFIGS)
def test_it_is_what_the_network_holds(name: str, changes: dict[str, object]) -> None:
    config = CONFIGS[name].replace(**changes)
    counted = counted_decoding(config)
    assert decoding_bytes(config) == pytest.approx(counted, rel=0.02, abs=_CONDITIONS)


@pytest.mark.parametrize("name", CONFIGS)
def test_at_the_papers_size_it_is_exact_to_a_hundredth(name: str) -> None:
    config = ModelConfig(architecture=name)
    counted = counted_decoding(config)
    assert decoding_bytes(config) == pytest.approx(counted, rel=0.01)
    assert decoding_bytes(config, 2) == decoding_bytes(config) / 2


_OVER_STILL: dict[str, dict[str, object]] = {
    "as it is": {},
    "larger": _CHANGES["larger"],
    "a large view": {"viewport_height": 480, "viewport_width": 960},
    "a large view, no blocks": {
        "viewport_height": 480,
        "viewport_width": 960,
        "blocks": (0, 0, 0, 0),
    },
    "a view of single cells": {
        "comparison_cell": 1,
        "viewport_height": 240,
        "viewport_width": 480,
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("channels", [(2,), (0, 2, 1), (0, 0, 4)])
@pytest.mark.parametrize("changes", _OVER_STILL.values(), ids=_OVER_STILL)
@pytest.mark.parametrize("name", CONFIGS)
def test_it_counts_finer_embeddings_and_what_a_still_panorama_takes(
    name: str, changes: dict[str, object], channels: tuple[int, ...]
) -> None:
    config = CONFIGS[name].replace(level_channels=channels, still_panorama=True, **changes)
    counted = counted_decoding(config)
    assert decoding_bytes(config) == pytest.approx(counted, rel=0.02, abs=_CONDITIONS)


@pytest.mark.parametrize("name", CONFIGS)
def test_at_the_papers_size_over_a_still_it_is_exact_to_a_hundredth(name: str) -> None:
    config = over_still(ModelConfig(architecture=name))
    counted = counted_decoding(config)
    assert decoding_bytes(config) == pytest.approx(counted, rel=0.01)
    assert 0 < decoding_bytes(config) / 2 < decoding_bytes(config, 2) < decoding_bytes(config)


def test_a_viewport_of_unexpanded_features() -> None:
    config = CONFIGS["nerv360"].replace(expand_before_projection=False, viewport_width=480)
    counted = counted_decoding(config)
    assert decoding_bytes(config) == pytest.approx(counted, rel=0.02, abs=_CONDITIONS)


@pytest.mark.parametrize("project_after", [1, 2, 4])
def test_stages_on_the_sphere(project_after: int) -> None:
    config = ModelConfig(project_after=project_after, frame_height=1536, frame_width=3072)
    counted = counted_decoding(config)
    assert decoding_bytes(config) == pytest.approx(counted, rel=0.1)
