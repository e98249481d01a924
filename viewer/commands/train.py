"""``nerv360 train``: a clip in, a scene file out."""

from __future__ import annotations

import shlex
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nerv360.errors import InputError
from nerv360.text import escaped, file_name
from nerv360.viewer.commands.options import (
    Device,
    Duration,
    Eye,
    Raw,
    Start,
    check_output,
    check_text,
    clip_option,
    device_option,
    for_option,
    parse_size,
    say_notes,
)
from nerv360.viewer.commands.training import Run

if TYPE_CHECKING:
    from nerv360.config import ModelConfig
    from nerv360.scene import CodedScene, StillPanorama
    from nerv360.training import ByClock, TrainingSettings
    from nerv360.video import VideoInfo


def train(
    context: typer.Context,
    clip: Annotated[Path, typer.Argument(help="360° video, a folder of pictures, or raw .yuv.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Scene file to write.")
    ] = None,
    into: Annotated[
        Path | None, typer.Option(help="Add the decoder to this scene of the same clip instead.")
    ] = None,
    preset: Annotated[
        str, typer.Option(help="paper, demo, or auto: paper on a GPU, demo on a CPU.")
    ] = "auto",
    model: Annotated[str, typer.Option(help="nerv360, hnerv or hnerv-boost.")] = "nerv360",
    minutes: Annotated[
        float | None,
        typer.Option(
            help="Minutes that it takes; 10 by default, unless the preset paper is named."
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the clip, instead.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps, instead.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of weights, frame order and looks.")] = None,
    rate: Annotated[
        float | None, typer.Option(help="Decibels that a smaller file may cost; 0.1 by default.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Change any number of the preset."),
    ] = None,
    frames: Annotated[int | None, typer.Option(help="Use only the first frames.", min=1)] = None,
    start: Start = None,
    duration: Duration = None,
    size: Annotated[
        str | None,
        typer.Option(metavar="WxH", help="Scale the clip down to this size.", show_default=False),
    ] = None,
    eye: Eye = "left",
    raw: Raw = None,
    device: Device = "auto",
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on from the last checkpoint; --epochs or --steps may move the end."
        ),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing scene or decoder.")
    ] = False,
    title: Annotated[str | None, typer.Option(help="Title of the material.")] = None,
    licence: Annotated[str, typer.Option(help="Licence of the material.")] = "unknown",
    credit: Annotated[str, typer.Option(help="Whom to credit for it.")] = "unknown",
) -> None:
    """Train a decoder on a clip and write it as a scene file.

    Ctrl-C stops at the end of a step, writes a scene that opens, and keeps a checkpoint for
    --resume. Several processes train together under torchrun.
    """
    began = time.monotonic()
    from nerv360.devices import choose_device
    from nerv360.scene import Attribution
    from nerv360.training import TRAINING_PRESETS, process_group, training_preset

    target = _target(output, into, resume or overwrite)
    for option, text in (("--title", title or ""), ("--licence", licence), ("--credit", credit)):
        check_text(option, text)
    scaled = parse_size(size) if size is not None else None
    chosen = device_option(device)
    name = ("demo" if chosen.type == "cpu" else "paper") if preset == "auto" else preset
    with for_option("--model" if name in TRAINING_PRESETS else "--preset"):
        config, settings = training_preset(name, model)
    clock = _clock(minutes, epochs, steps, preset, began)
    if epochs is not None:
        with for_option("--epochs"):
            settings = replace(settings, epochs=epochs)
    if steps is not None:
        with for_option("--steps"):
            settings = replace(settings, steps=steps)
    if seed is not None:
        settings = replace(settings, seed=seed)
    if rate is not None:
        with for_option("--rate"):
            settings = replace(settings, rate=rate)
    existing, still = (None, None) if into is None else _existing(into)
    if existing is not None and model in existing.header.configs and not (overwrite or resume):
        raise InputError(f"--into {into}: it has a {model} decoder already; add --overwrite")
    with process_group(chosen.type) as group:
        if chosen.type == "cuda" and group.count > 1:
            chosen = choose_device(f"cuda:{group.local_rank}")
        opened = clip_option(clip, eye, raw, start, duration, scaled)
        info = opened.info
        if group.is_first:
            say_notes(opened)
        config, settings = _fit(config, settings, info, str(clip), changes or [])
        if group.is_first and (config.frame_width, config.frame_height) != (
            info.width,
            info.height,
        ):
            print(
                escaped(
                    f"{clip}: {info.width}x{info.height} is fitted to "
                    f"{config.frame_width}x{config.frame_height}, which the strides divide"
                )
            )
        source = file_name(clip)
        attribution = Attribution(title or Path(source).stem, licence, credit, source)
        fixed = None if name != "demo" else {each.partition("=")[0] for each in changes or []}
        again = [] if resume else ["--resume"]
        run = Run(
            opened, target, config, settings, str(chosen), group, attribution,
            existing, still, resume, overwrite, frames, fixed, clock,
            shlex.join(["nerv360", *(context.obj or ["train", str(clip)]), *again]),
        )  # fmt: skip
        run()


def _clock(
    minutes: float | None, epochs: int | None, steps: int | None, preset: str, began: float
) -> ByClock | None:
    """Return when the command is to end, or None if epochs or steps say how long it is."""
    given = {"--minutes": minutes, "--epochs": epochs, "--steps": steps}
    named = [option for option, value in given.items() if value is not None]
    if len(named) > 1:
        raise InputError(f"{' and '.join(named)}: give one of them")
    if steps is not None and steps < 1:
        raise InputError(f"--steps {steps}: give 1 or more")
    if minutes is None and (named or preset == "paper"):
        return None
    from nerv360.training import DEFAULT_MINUTES, ByClock, check_minutes

    with for_option("--minutes"):
        check_minutes(DEFAULT_MINUTES if minutes is None else minutes)
    return ByClock(DEFAULT_MINUTES if minutes is None else minutes, began)


def _target(output: Path | None, into: Path | None, may_replace: bool) -> Path:
    if (output is None) == (into is None):
        raise InputError("train needs either -o SCENE or --into SCENE")
    target = output if output is not None else into
    assert target is not None
    if target.suffix != ".safetensors":
        raise InputError(f"{target}: a scene file's name ends in .safetensors")
    check_output(target, may_replace or output is None, "--into" if output is None else "-o")
    return target


def _existing(into: Path) -> tuple[CodedScene, StillPanorama | None]:
    """Read the scene that a decoder is added to, embeddings still coded, and its still panorama."""
    from nerv360.scene import read_coded_scene, read_scene

    still = read_scene(into).still
    return read_coded_scene(into), still


def _fit(
    config: ModelConfig,
    settings: TrainingSettings,
    info: VideoInfo,
    name: str,
    assignments: list[str],
) -> tuple[ModelConfig, TrainingSettings]:
    from nerv360.training import fit_config, with_changes

    frame_fields = {"frame_height", "frame_width", "viewport_height", "viewport_width"}
    early: dict[str, str] = {}
    late: dict[str, str] = {}
    for assignment in assignments:
        field, equals, value = assignment.partition("=")
        if not equals:
            raise InputError(f"--set {assignment}: write it as NAME=VALUE")
        (late if field in frame_fields else early)[field] = value
    with for_option("--set"):
        config, settings = with_changes(config, settings, early)
    config = fit_config(config, info, name)
    with for_option("--set"):
        return with_changes(config, settings, late)
