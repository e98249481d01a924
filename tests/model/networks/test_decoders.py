"""Networks: the design's table, seams, and what they depend on."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from model.config import ModelConfig
from model.errors import InputError
from model.geometry import Look, camera_rays, sample_erp, viewport_grid
from model.networks.encoder import Encoder
from model.networks.layers import (
    SphereConv,
    UpsamplingBlock,
    periodic_encoding,
    pixel_shuffle,
    positional_encoding,
)
from model.networks.nerv360 import NeRV360
from model.networks.registry import (
    build_decoder,
    checked,
    count_flops,
    count_parameters,
    count_traffic,
    fit_channels,
    frame_times,
    preset,
    presets,
)
from tests.support.scenes import CONFIGS

TINY = ModelConfig(
    frame_height=96,
    frame_width=192,
    encoder_strides=(2, 2),
    encoder_channels=8,
    embedding_channels=2,
    strides=(2, 2),
    kernels=(1, 3),
    blocks=(1, 1),
    channels=16,
    look_encoding="periodic",
    viewport_height=72,
    viewport_width=128,
)


@pytest.mark.parametrize(
    ("name", "widths", "parameters", "flops"),
    [
        ("paper", (135, 112, 93, 78, 65), 2.20e6, 0.80e12),
        ("paper-hnerv", (151, 126, 105, 88, 73), 2.2e6, 8.6e12),
        ("paper-hnerv-boost", (143, 119, 99, 82, 68), 2.2e6, 7.8e12),
    ],
)
def test_the_papers_networks_have_the_designs_sizes(
    name: str, widths: tuple[int, ...], parameters: float, flops: float
) -> None:
    config = preset(name)
    assert config.widths == widths
    assert count_parameters(config) == pytest.approx(parameters, rel=0.03)
    assert count_flops(config) == pytest.approx(flops, rel=0.03)
    assert config.embedding_size == (128, 256)
    assert config.viewport_embedding_size == (45, 80)


def test_the_traffic_is_every_convolutions_input_and_output() -> None:
    config = preset("paper")
    widths, moved = config.widths, (1 + 5 * config.widths[0]) * 128 * 256
    height, width = config.viewport_embedding_size
    for stride, before, after in zip(config.strides, widths, widths[1:], strict=False):
        moved += before * height * width
        height, width = stride * height, stride * width
        moved += 5 * after * height * width
    moved += (widths[-1] + 3) * height * width
    assert (height, width) == (1080, 1920)
    assert count_traffic(config, 2) == 2 * moved


@pytest.mark.parametrize("name", ["paper", "paper-hnerv", "paper-hnerv-boost"])
def test_the_papers_widths_follow_from_its_parameters(name: str) -> None:
    assert fit_channels(preset(name).replace(channels=40), 2_200_000) == preset(name)


def test_aligned_widths_are_a_configuration_of_their_own() -> None:
    paper, aligned = preset("paper"), preset("paper-aligned")
    assert aligned.widths == (128, 112, 96, 80, 64)
    assert count_parameters(aligned) == pytest.approx(count_parameters(paper), rel=0.002)
    assert count_flops(aligned) == pytest.approx(count_flops(paper), rel=0.005)


def test_published_hnerv_shapes_load() -> None:
    config = ModelConfig(
        architecture="hnerv",
        frame_height=640,
        frame_width=1280,
        encoder_strides=(5, 4, 4, 2, 2),
        embedding_channels=16,
        strides=(5, 4, 4, 2, 2),
        kernels=(1, 3, 5, 5, 5),
        blocks=(0, 0, 0, 0, 0),
        channels=68,
        erp_padding="zeros",
    )
    shapes = {
        "stem": (68, 16, 1),
        "stages.0.conv": (57 * 25, 68, 1),
        "stages.1.conv": (48 * 16, 57, 3),
        "stages.2.conv": (40 * 16, 48, 5),
        "stages.3.conv": (33 * 4, 40, 5),
        "stages.4.conv": (28 * 4, 33, 5),
        "head.conv": (3, 28, 3),
    }
    state = {}
    for name, (after, before, kernel) in shapes.items():
        state[f"{name}.weight"] = torch.randn(after, before, kernel, kernel) * 0.01
        state[f"{name}.bias"] = torch.zeros(after)
    decoder = build_decoder(config)
    decoder.load_state_dict(state)
    with torch.no_grad():
        picture = decoder(torch.randn(1, 16, 2, 4), frame_times(1))
    assert picture.shape == (1, 3, 640, 1280)


def looks(*rows: tuple[float, float]) -> torch.Tensor:
    hfov = math.radians(78.1)
    return torch.tensor([(yaw, pitch, 0.0, hfov) for yaw, pitch in rows], dtype=torch.float64)


def test_projection_agrees_with_sampling_the_features() -> None:
    torch.manual_seed(1)
    decoder = build_decoder(TINY)
    assert isinstance(decoder, NeRV360)
    embedding = torch.randn(1, 2, *TINY.embedding_size)
    time = torch.zeros(1, dtype=torch.float64)
    look = Look(3.0, -0.7)
    with torch.no_grad():
        features = decoder.expand(embedding, time)
        projected = decoder.project(features, looks((3.0, -0.7)), (18, 32))
    rays = camera_rays(18, 32, math.tan(look.hfov / 2))
    directions = rays @ torch.as_tensor(look.rotation()).float().T
    expected = sample_erp(features[..., 1:-1, 1:-1], directions)
    torch.testing.assert_close(projected, expected, atol=1e-4, rtol=1e-4)


def test_autocast_leaves_the_projection_alone() -> None:
    decoder = build_decoder(TINY)
    assert isinstance(decoder, NeRV360)
    features = torch.randn(1, 2, *TINY.embedding_size)
    where = looks((3.0, -0.7), (0.1, 1.2))
    grid = viewport_grid(where, (18, 32), TINY.embedding_size)
    projected = decoder.project(features, where, (18, 32))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(viewport_grid(where, (18, 32), TINY.embedding_size), grid)
        assert torch.equal(decoder.project(features, where, (18, 32)), projected)


def test_a_turned_scene_decodes_to_the_turned_picture() -> None:
    """Nothing but the condition knows where longitude 180° is."""
    torch.manual_seed(2)
    decoder = build_decoder(TINY.replace(condition_on_look=False))
    embedding = torch.randn(1, 2, *TINY.embedding_size)
    time = torch.zeros(1, dtype=torch.float64)
    half = embedding.shape[-1] // 2
    with torch.no_grad():
        across_seam = decoder(embedding, time, looks((math.pi, 0.3)))
        in_front = decoder(embedding.roll(half, -1), time, looks((0.0, 0.3)))
    torch.testing.assert_close(across_seam, in_front, atol=1e-4, rtol=1e-4)


def test_the_same_look_named_twice_decodes_alike_across_the_seam() -> None:
    torch.manual_seed(3)
    decoder = build_decoder(TINY)
    embedding = torch.randn(1, 2, *TINY.embedding_size)
    time = torch.zeros(2, dtype=torch.float64)
    with torch.no_grad():
        left, right = (
            decoder(embedding, time[:1], looks((-math.pi, 0.1))),
            decoder(embedding, time[:1], looks((math.pi, 0.1))),
        )
        near = decoder(embedding, time[:1], looks((math.pi - 1e-6, 0.1)))
        beyond = decoder(embedding, time[:1], looks((math.pi + 1e-6, 0.1)))
    torch.testing.assert_close(left, right, atol=1e-4, rtol=0)
    assert (near - beyond).abs().max() < 1e-3


def test_several_looks_share_one_expansion() -> None:
    torch.manual_seed(4)
    decoder = build_decoder(TINY)
    assert isinstance(decoder, NeRV360)
    embedding = torch.randn(1, 2, *TINY.embedding_size)
    time = torch.full((1,), 0.25, dtype=torch.float64)
    both = looks((0.5, 0.2), (-2.0, -0.9))
    with torch.no_grad():
        together = decoder.decode(decoder.expand(embedding, time), time, both)
        apart = torch.cat([decoder(embedding, time, both[i : i + 1]) for i in range(2)])
    torch.testing.assert_close(together, apart, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("change", ["yaw", "pitch", "time"])
def test_the_condition_matters(change: str) -> None:
    decoder = build_decoder(TINY)
    assert isinstance(decoder, NeRV360)
    time = torch.zeros(1, dtype=torch.float64)
    base = decoder.condition(time, looks((0.1, 0.1)))
    other = decoder.condition(
        time + (0.5 if change == "time" else 0.0),
        looks((0.6 if change == "yaw" else 0.1, 0.6 if change == "pitch" else 0.1)),
    )
    assert (base - other).abs().max() > 1e-3
    without = build_decoder(TINY.replace(condition_on_look=False))
    assert isinstance(without, NeRV360)
    same = without.condition(time, looks((0.1, 0.1))) - without.condition(time, looks((0.6, 0.6)))
    assert torch.equal(same, torch.zeros_like(same))


def test_encodings_need_and_use_double_precision() -> None:
    value = torch.tensor([1 / 3], dtype=torch.float64)
    code = positional_encoding(value, 1.25, 80)
    angle = 1.25**79 * math.pi / 3
    assert code[0, 79].item() == pytest.approx(math.sin(angle), abs=1e-5)
    assert code.dtype == torch.float32
    with pytest.raises(TypeError):
        positional_encoding(value.float(), 1.25, 80)
    turn = periodic_encoding(torch.tensor([0.4, 0.4 + 2 * math.pi], dtype=torch.float64), 8)
    torch.testing.assert_close(turn[0], turn[1], atol=1e-5, rtol=0)


def test_channels_last_survives_the_pixel_shuffle() -> None:
    block = UpsamplingBlock(8, 16, 2, 3, wrap=False)
    x = torch.randn(1, 8, 12, 20).to(memory_format=torch.channels_last)
    assert block(x).is_contiguous(memory_format=torch.channels_last)


def _shuffle_of_cuda(x: torch.Tensor, stride: int) -> torch.Tensor:
    """As ATen has it for devices without a kernel of their own: the result is in N,C,H,W."""
    n, c, h, w = x.shape
    cells = x.reshape(n, c // stride**2, stride, stride, h, w).permute(0, 1, 4, 2, 5, 3)
    return cells.reshape(n, c // stride**2, h * stride, w * stride)


@pytest.mark.parametrize("wrap", ["wrap", "zeros"])
@pytest.mark.parametrize("name", CONFIGS)
def test_no_convolution_on_a_gpu_gets_features_in_another_layout_than_its_weights(
    name: str, wrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On meta, which has shapes and no kernels, with the layouts that CUDA's kernels choose."""
    monkeypatch.setattr(F, "pixel_shuffle", _shuffle_of_cuda)
    config = CONFIGS[name].replace(erp_padding=wrap)
    decoder = build_decoder(config, "meta")
    converted: list[str] = []
    for part, module in decoder.named_modules():
        if isinstance(module, torch.nn.Conv2d):

            def note(_: object, inputs: tuple[torch.Tensor, ...], part: str = part) -> None:
                if not inputs[0].is_contiguous(memory_format=torch.channels_last):
                    converted.append(part)

            module.register_forward_pre_hook(note)
            # cuDNN's results are in channels-last where the weights are.
            module.register_forward_hook(
                lambda _, __, result: result.contiguous(memory_format=torch.channels_last)
            )
    embedding = torch.empty(1, config.embedding_channels, *config.embedding_size, device="meta")
    time = torch.empty(1, dtype=torch.float64, device="meta")
    look = torch.empty(1, 4, dtype=torch.float64, device="meta")
    decoder(embedding, time, look)
    first = {"expansion.block.conv", "stem", "stem.conv"}  # embeddings are as they were stored
    assert set(converted) <= first


@pytest.mark.parametrize("stride", [2, 3])
def test_the_shuffle_of_gpus_moves_pixels_as_torchs(stride: int) -> None:
    x = torch.randn(2, 5 * stride**2, 4, 7).to(memory_format=torch.channels_last)
    expected = F.pixel_shuffle(x, stride)

    class OnGpu(torch.Tensor):
        device = torch.device("cuda")

    moved = pixel_shuffle(x.as_subclass(OnGpu), stride).as_subclass(torch.Tensor)
    assert torch.equal(moved, expected)
    assert moved.is_contiguous(memory_format=torch.channels_last)


def test_wrapped_convolution_commutes_with_a_turn_of_the_sphere() -> None:
    conv = SphereConv(2, 3, 3, wrap=True)
    x = torch.randn(1, 2, 10, 20)
    torch.testing.assert_close(conv(x).roll(7, -1), conv(x.roll(7, -1)), atol=1e-5, rtol=1e-5)
    zeros = SphereConv(2, 3, 3, wrap=False)
    assert not torch.allclose(zeros(x).roll(7, -1), zeros(x.roll(7, -1)))


def test_the_encoder_turns_with_the_sphere_and_gives_the_embeddings_shape() -> None:
    torch.manual_seed(5)
    encoder = Encoder(TINY)
    frame = torch.rand(1, 3, 96, 192)
    with torch.no_grad():
        embedding = encoder(frame)
        turned = encoder(frame.roll(40, -1))
    assert embedding.shape == (1, 2, 24, 48)
    torch.testing.assert_close(embedding.roll(10, -1), turned, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", sorted(presets()))
def test_configurations_survive_json(name: str) -> None:
    assert ModelConfig.from_dict(preset(name).to_dict()) == preset(name)


@pytest.mark.parametrize(
    "change",
    [
        {"architecture": "vae"},
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


@pytest.mark.parametrize("change", [{"channels": "135"}, {"strides": [3, 2.0, 2, 2]}, {"extra": 1}])
def test_configurations_of_the_wrong_type_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(InputError):
        ModelConfig.from_dict({**ModelConfig().to_dict(), **change})
    with pytest.raises(InputError, match="lacks"):
        ModelConfig.from_dict({})


def test_a_look_alone_costs_all_but_the_expansion() -> None:
    for name in ("paper", "demo"):
        config = preset(name)
        rows, columns = config.embedding_size
        width = config.widths[0]
        block = 2 * 2 * 9 * width * width + 2 * config.embedding_channels * width
        spared = count_flops(config) - count_flops(config, look_alone=True)
        assert spared == pytest.approx(rows * columns * block, rel=0.01)
    whole = preset("paper-hnerv")
    assert count_flops(whole, look_alone=True) == count_flops(whole)
