"""Configurations: what they survive, and which are refused."""

from __future__ import annotations

import pytest

from nerv360.config import ModelConfig
from nerv360.errors import InputError
from nerv360.networks import checked, preset, presets


@pytest.mark.parametrize("name", sorted(presets()))
def test_configurations_survive_json(name: str) -> None:
    assert ModelConfig.from_dict(preset(name).to_dict()) == preset(name)


def test_a_scene_from_before_late_projection_projects_first() -> None:
    stored = ModelConfig().to_dict()
    assert "project_after" not in stored
    assert ModelConfig.from_dict(stored).project_after == 0
    late = ModelConfig(project_after=2)
    assert late.to_dict()["project_after"] == 2
    assert ModelConfig.from_dict(late.to_dict()) == late


@pytest.mark.parametrize(
    "change",
    [
        {"architecture": "vae"},
        {"project_after": 5},
        {"project_after": 1, "erp_padding": "zeros"},
        {"strides": (3, 2)},
        {"frame_width": 6000},
        {"viewport_height": 1081},
        {"reduction": 0.5},
        {"kernels": (1, 2, 3, 3)},
        {"channels": 100_000},
        {"hfov_deg": 180.0},
        {"look_encoding": "none"},
    ],
)
def test_impossible_configurations_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(InputError):
        checked(ModelConfig().replace(**change))


def test_finer_embeddings_that_do_not_fit_the_encoder_are_told() -> None:
    change = {"strides": (7, 2, 2), "kernels": (1, 3, 3), "blocks": (0, 1, 1)}
    with pytest.raises(InputError, match=r"embeddings at 7, 14 times .* must divide 24, the"):
        ModelConfig().replace(**change, level_channels=(1, 2))


@pytest.mark.parametrize("change", [{"channels": "135"}, {"strides": [3, 2.0, 2, 2]}, {"extra": 1}])
def test_configurations_of_the_wrong_type_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(InputError):
        ModelConfig.from_dict({**ModelConfig().to_dict(), **change})
    with pytest.raises(InputError, match="lacks"):
        ModelConfig.from_dict({})
