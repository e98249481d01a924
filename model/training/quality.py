"""Quality of a training: PSNR, also of moving pixels, and MS-SSIM on held-out looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from nerv360.memory import release_freed_memory
from nerv360.metrics import as_shown, moving_error, pooled, psnr_8bit, unit
from nerv360.networks import FrameViews, composite
from nerv360.training.autoencoder import Autoencoder, cut_viewports
from nerv360.training.dataset import WHOLE, ClipFrames, held_out_looks
from nerv360.training.loss import ms_ssim_module

_RELEASED_AFTER = 2
"""Frames after which freed memory goes back: beside a long clip's pictures its holes add up."""


@dataclass(frozen=True)
class Quality:
    """Means over the held-out looks.

    Attributes:
        psnr_db: of the pictures rounded to 8 bits.
        moving_db: PSNR of the moving pixels of all pictures (`nerv360.metrics.moving`); None if
            nothing moves.
        ms_ssim: None unless it was asked for.
    """

    psnr_db: float
    moving_db: float | None
    ms_ssim: float | None


@torch.no_grad()
def held_out_quality(
    network: Autoencoder,
    frames: ClipFrames,
    times: Tensor,
    count: int,
    *,
    embeddings: Callable[[int], Sequence[Tensor]] | None = None,
    structure: bool = False,
    precision: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Quality:
    """Measure the quality of the held-out looks.

    Each frame is encoded, and by whole-frame decoders decoded, once for all its looks.

    Args:
        embeddings: returns the embeddings 1×d×h×w of a frame, coarsest first, to decode instead of
            the encoder's; for example those of a scene file.
        structure: measure MS-SSIM too.
        precision: autocast for the encoder and the decoder; everything else is float32.
    """
    config, device = network.config, next(network.parameters()).device
    height, width = config.viewport_height, config.viewport_width
    indices, looks = held_out_looks(config, len(frames), count, frames.coverage)
    looks = looks.to(times.device)
    median = frames.still(device)
    panorama, coverage = network.panorama, None
    if frames.coverage is not None:
        coverage = frames.coverage[None, None].float().to(device)
    ms_ssim = ms_ssim_module(height, width).to(device) if structure else None
    ratios, similarities, moving = [], [], []
    for index in _released(sorted(set(indices))):
        frame, time = frames.frame(index, device), times[index : index + 1]
        with precision():
            code = network.encode(frame) if embeddings is None else embeddings(index)
            view_at = _views(network, code, time, index)
        for position in [k for k, other in enumerate(indices) if other == index]:
            look = looks[position : position + 1]
            with precision():
                view = view_at(look)
            if panorama is not None:
                seen = cut_viewports(panorama, look, height, width)
                view = composite(view[:, :3], view[:, 3:], seen)
            shown = _picture(view)
            original = cut_viewports(frame, look, height, width)
            there = _picture(cut_viewports(median, look, height, width))
            judged = [shown, _picture(original), there]
            if coverage is not None:
                seen = cut_viewports(coverage, look, height, width)[0, 0] > WHOLE
                judged = [picture[seen][None] for picture in judged]
            ratios.append(psnr_8bit(*judged[:2]))
            moving.append(moving_error(*judged))
            if ms_ssim is not None:
                planes = unit(as_shown(shown)).permute(2, 0, 1)[None]
                known = 1.0 if coverage is None else seen
                similarities.append(float(ms_ssim(planes * known, original * known)))
        del frame, code, view_at  # or the next frame's would come on top of them
    mean = sum(ratios) / len(ratios)
    structure_mean = sum(similarities) / len(similarities) if similarities else None
    return Quality(mean, pooled(moving).db, structure_mean)


def _released(indices: Sequence[int]) -> Iterator[int]:
    for count, index in enumerate(indices):
        if count % _RELEASED_AFTER == 0:
            release_freed_memory()
        yield index


def late_gain(course: Sequence[tuple[int, float]], steps: int) -> float | None:
    """Return the decibels by which the last third of ``steps`` raised the held-out PSNR.

    None unless it was measured in the third before that, too.

    Args:
        course: the steps at which it was measured, and the PSNR.
        steps: done.
    """
    thirds: list[list[float]] = [[], [], []]
    for step, psnr in course:
        thirds[(3 * step > steps) + (3 * step > 2 * steps)].append(psnr)
    first, middle, last = thirds
    if not middle or not last:
        return None
    return max(max(last) - max(first + middle), 0.0)


def _views(
    network: Autoencoder, code: Sequence[Tensor], time: Tensor, index: int
) -> Callable[[Tensor], Tensor]:
    """Return a function that decodes any look (1×4) of frame ``index`` to 1×3×H×W.

    With a still panorama the result is 1×4×H×W, including alpha.
    """
    config, decoder = network.config, network.decoder
    coarsest, *finer = code
    views = FrameViews(decoder, coarsest, time, finer)

    def decoded(look: Tensor) -> Tensor:
        picture = views(look).float()
        if network.panorama is None:
            return picture
        return torch.cat([picture, network.alpha(picture, look, index)], 1)

    if not decoder.full_frame:
        return decoded
    whole = decoded(torch.zeros(1, 4))
    return lambda look: cut_viewports(whole, look, config.viewport_height, config.viewport_width)


def _picture(planes: Tensor) -> Tensor:
    return planes[0].permute(1, 2, 0).float()
