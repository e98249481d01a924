"""Parameters, operations and traffic: the design's table."""

from __future__ import annotations

import pytest

from nerv360.networks.cost import count_flops, count_parameters, count_traffic
from nerv360.networks.registry import preset


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


@pytest.mark.parametrize("name", ["paper", "paper-hnerv", "paper-hnerv-boost"])
def test_the_papers_widths_follow_from_its_parameters(name: str) -> None:
    config = preset(name)
    widths = range(config.channels - 2, config.channels + 3)
    misses = {c: abs(count_parameters(config.replace(channels=c)) - 2_200_000) for c in widths}
    assert min(misses, key=misses.__getitem__) == config.channels


def test_aligned_widths_are_a_configuration_of_their_own() -> None:
    paper, aligned = preset("paper"), preset("paper-aligned")
    assert aligned.widths == (128, 112, 96, 80, 64)
    assert count_parameters(aligned) == pytest.approx(count_parameters(paper), rel=0.002)
    assert count_flops(aligned) == pytest.approx(count_flops(paper), rel=0.005)


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
