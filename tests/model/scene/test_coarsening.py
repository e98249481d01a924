"""Coarser scenes take fewer bytes, err by what they say, and lose nothing more in their file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from nerv360.networks import build_decoder
from nerv360.scene import (
    FINE,
    LEVELS,
    WEIGHT_BITS,
    Coarseness,
    Scene,
    coarsened,
    read_header,
    read_scene,
    write_scene,
)
from tests.support.scenes import CONFIGS, over_still, over_still_scene, tiny_scene

FRAMES = 12


def clip_like_scene() -> Scene:
    """Return a scene of waves that stand still but for noise, and of one part that moves."""
    scene = tiny_scene(frames=FRAMES)
    config = over_still(CONFIGS["nerv360"]).replace(
        still_panorama=False, frame_height=192, frame_width=384
    )
    generator = torch.Generator().manual_seed(1)
    embeddings = [_waves(shape, generator) for shape in config.embedding_shapes]
    decoder = scene.decoders["nerv360"]
    torch.manual_seed(2)
    weights = build_decoder(config).state_dict()
    scene.decoders["nerv360"] = replace(
        decoder,
        config=config,
        embeddings=embeddings[0],
        finer=tuple(embeddings[1:]),
        weights=weights,
    )
    return scene


def _waves(shape: tuple[int, int, int], generator: torch.Generator) -> Tensor:
    channels, height, width = shape
    across = torch.arange(width) * (9 / width)
    values = (across + torch.arange(channels)[:, None, None]).sin().expand(FRAMES, *shape).clone()
    values += 0.002 * torch.randn(values.shape, generator=generator)
    for frame in range(FRAMES):
        values[frame, :, : height // 3, frame : frame + 4] += 1
    return values


CHOICES = [FINE, *(Coarseness(levels, 8) for levels in LEVELS)]
CHOICES += [Coarseness(64, bits) for bits in WEIGHT_BITS]


def same(one: Scene, other: Scene) -> bool:
    return all(
        torch.equal(decoder.embeddings, other.decoders[name].embeddings)
        and all(map(torch.equal, decoder.finer, other.decoders[name].finer))
        and all(torch.equal(w, other.decoders[name].weights[k]) for k, w in decoder.weights.items())
        for name, decoder in one.decoders.items()
    )


@pytest.mark.parametrize("coarseness", CHOICES)
def test_a_file_holds_a_coarse_scene_exactly(tmp_path: Path, coarseness: Coarseness) -> None:
    scene = coarsened(over_still_scene("nerv360", "hnerv"), coarseness)
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    write_scene(first, scene)
    read = read_scene(first)
    assert same(scene, read)
    write_scene(second, read)
    assert second.read_bytes() == first.read_bytes()
    assert same(read_scene(second), read)


@pytest.mark.parametrize(("levels", "dead_zone"), [(256, 0.0), (64, 0.75), (16, 2.0)])
def test_embeddings_err_by_no_more_than_the_dead_zone_and_half_a_step(
    levels: int, dead_zone: float
) -> None:
    scene = clip_like_scene()
    coarse = coarsened(scene, Coarseness(levels, 8, dead_zone))
    for before, after in zip(
        (scene.decoders["nerv360"].embeddings, *scene.decoders["nerv360"].finer),
        (coarse.decoders["nerv360"].embeddings, *coarse.decoders["nerv360"].finer),
        strict=True,
    ):
        span = before.amax((0, 2, 3)) - before.amin((0, 2, 3))
        allowed = span / (levels - 1) * (dead_zone + 0.5) * 1.001
        assert ((after - before).abs().amax((0, 2, 3)) <= allowed).all()
        assert all(len(set(channel.flatten().tolist())) <= levels for channel in after.unbind(1))


def test_noise_of_what_stands_still_changes_nothing() -> None:
    coarse = coarsened(clip_like_scene(), Coarseness(128, 8, 1.0)).decoders["nerv360"]
    still = coarse.embeddings[:, :, coarse.embeddings.shape[2] // 3 :]
    assert torch.equal(still, still[:1].expand_as(still))
    moving = coarse.embeddings[:, 0, 0]
    assert all(not torch.equal(a, b) for a, b in zip(moving[1:], moving[:-1], strict=True))


def test_weights_err_by_half_a_step_of_their_row_or_as_half_precision_does() -> None:
    weights = clip_like_scene().decoders["nerv360"].weights
    for bits in (4, 8, 12):
        coarse = coarsened(clip_like_scene(), Coarseness(256, bits)).decoders["nerv360"]
        for name, before in weights.items():
            error = (coarse.weights[name] - before).abs().flatten(1 if before.dim() > 1 else 0)
            largest = before.abs().flatten(1 if before.dim() > 1 else 0).amax(-1, keepdim=True)
            half = (before - before.half().float()).abs().amax()
            assert (error <= torch.maximum(largest / (2 ** (bits - 1) - 1) * 0.51, half)).all()


def test_a_coarser_scene_takes_fewer_bytes(tmp_path: Path) -> None:
    path, sizes = tmp_path / "s.safetensors", []
    for coarseness in (Coarseness(16, 8), Coarseness(256, 12), None):
        scene = clip_like_scene()
        write_scene(path, scene if coarseness is None else coarsened(scene, coarseness))
        stored = read_header(path)
        sizes.append((stored.embedding_bytes["nerv360"], stored.weight_bytes["nerv360"]))
    (least, coarse), (more, fine), (most, half) = sizes
    assert 1.5 * least < more < most
    assert 1.2 * coarse < fine < half
