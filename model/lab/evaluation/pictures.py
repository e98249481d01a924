"""Original, decoded and error pictures side by side, as stills of a report or as a film."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from matplotlib import colormaps
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from nerv360.clip_pictures import seen_pixels
from nerv360.lab.evaluation.methods import Method
from nerv360.lab.evaluation.plan import EvaluationPlan
from nerv360.metrics import as_shown, cut_viewport, moving_error, psnr_8bit, unit
from nerv360.progress import track
from nerv360.trajectories import Step
from nerv360.video import VideoWriter

AMPLIFIED = 8
STRIP = 28


def error_map(shown: Tensor, wanted: Tensor) -> Tensor:
    """Colour the absolute difference, averaged over the channels and `AMPLIFIED` times: uint8."""
    error = (unit(shown) - unit(wanted)).abs().mean(-1).mul(AMPLIFIED).clamp(0, 1)
    colours = colormaps["magma"](error.cpu().numpy())[..., :3]
    return torch.from_numpy((colours * 255).round().astype(np.uint8))


def stills(plan: EvaluationPlan, path: str) -> Iterator[tuple[str, bytes]]:
    """Yield captions and JPEGs of a path's middle: original, each method's picture and error."""
    steps = plan.paths[path]
    step = steps[len(steps) // 2]
    wanted, still = _wanted(plan, step), plan.original.still(plan.header.frames)
    yaw, pitch, _, _ = step.look.degrees()
    yield f"original, frame {step.frame}, yaw {yaw:.0f}°, pitch {pitch:.0f}°", _jpeg(wanted)
    for method in plan.methods:
        shown = method.view(step.look, step.frame)
        moving = moving_error(shown, wanted, cut_viewport(still, step.look, *plan.size)).db
        where = "" if moving is None else f", {moving:.2f} where it moves"
        caption = f"{method.name}, {_decibels(plan, step, shown, wanted)}{where}"
        yield caption, _jpeg(shown)
        yield f"{method.name}, error ×{AMPLIFIED}", _jpeg(error_map(shown, wanted))


def opening_pictures(plan: EvaluationPlan) -> Iterator[tuple[str, bytes]]:
    """Yield caption and JPEG of the first look: the original, then the first method's picture."""
    step = next(iter(plan.paths.values()))[0]
    yield "The original", _jpeg(_wanted(plan, step))
    method = plan.methods[0]
    yield f"Decoded by {method.name}", _jpeg(method.view(step.look, step.frame))


def write_films(plan: EvaluationPlan, folder: Path) -> list[Path]:
    """Write one film for each method and path: original left, decoded in the middle, error right.

    Raises:
        InputError: a film cannot be written.
    """
    folder.mkdir(exist_ok=True)
    height, width = (side - side % 2 for side in plan.size)
    films = []
    for method in plan.methods:
        for name, steps in plan.paths.items():
            film = folder / f"{method.name}-{name}.mp4"
            with VideoWriter(film, 3 * width, height + STRIP, plan.header.fps) as writer:
                for step in track(steps, f"film of {method.name} along {name}"):
                    writer.write(_triptych(plan, method, step)[: height + STRIP, : 3 * width])
            films.append(film)
    return films


def _triptych(plan: EvaluationPlan, method: Method, step: Step) -> Tensor:
    shown, wanted = method.view(step.look, step.frame), _wanted(plan, step)
    height, width = (side - side % 2 for side in plan.size)
    panes = [as_shown(wanted), as_shown(shown), error_map(shown, wanted)]
    picture = torch.cat([pane[:height, :width] for pane in panes], 1)
    captions = (
        f"original, frame {step.frame}",
        f"{method.name}, {_decibels(plan, step, shown, wanted)}",
        f"error ×{AMPLIFIED}",
    )
    strip = Image.new("RGB", (3 * width, STRIP), "#111111")
    draw = ImageDraw.Draw(strip)
    font = ImageFont.load_default(size=15)
    for index, caption in enumerate(captions):
        draw.text((index * width + 8, 5), caption, fill="#eeeeee", font=font)
    return torch.cat([torch.from_numpy(np.array(strip)), picture], 0)


def _wanted(plan: EvaluationPlan, step: Step) -> Tensor:
    return cut_viewport(plan.original[step.frame], step.look, *plan.size)


def _decibels(plan: EvaluationPlan, step: Step, shown: Tensor, wanted: Tensor) -> str:
    seen = plan.original.seen(step.look, plan.size)
    if seen is not None and not bool(seen.any()):
        return "not shown by the clip"
    return f"{psnr_8bit(*seen_pixels(seen, shown, wanted)):.2f} dB"


def _jpeg(picture: Tensor) -> bytes:
    image = Image.fromarray(as_shown(picture).numpy())
    image.thumbnail((800, 800))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=88)
    return buffer.getvalue()
