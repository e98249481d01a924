"""Every architecture keeps to the interface that engines and training rely on."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from nerv360.networks.registry import build_decoder
from tests.support.scenes import CONFIGS


@pytest.mark.parametrize("name", CONFIGS)
def test_the_layout_is_the_whole_network(name: str) -> None:
    """No convolution and no condition is left out by any engine."""
    network = build_decoder(CONFIGS[name])
    layout = network.layout()
    stages = (layout.stem, *layout.stages)
    laid = {layout.head.conv, *(stage.conv for stage in stages)}
    laid |= {c for s in stages for block in s.residuals for c in (block.conv1, block.conv2)}
    assert laid == {m for m in network.modules() if isinstance(m, torch.nn.Conv2d)}
    width = network.condition(torch.zeros(1, dtype=torch.float64), torch.zeros(1, 4).double())
    assert width.shape == (1, {"nerv360": 12, "hnerv": 0, "hnerv-boost": 4}[name])


@pytest.mark.parametrize("name", CONFIGS)
def test_a_look_is_needed_for_viewports_alone(name: str) -> None:
    network = build_decoder(CONFIGS[name])
    embedding = torch.zeros(1, network.config.embedding_channels, *network.config.embedding_size)
    time = torch.zeros(1, dtype=torch.float64)
    if network.full_frame:
        assert network(embedding, time).shape == (1, 3, 48, 96)
        return
    with pytest.raises(ValueError, match="look"):
        network(embedding, time)


def _shuffle_of_cuda(x: torch.Tensor, stride: int) -> torch.Tensor:
    """Return the result in N,C,H,W, like ATen on devices without a kernel of their own."""
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
