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
    check_range,
    check_text,
    clip_option,
    device_option,
    for_option,
    parse_size,
    say_notes,
)

if TYPE_CHECKING:
    import torch

    from nerv360.config import ModelConfig
    from nerv360.scene import Attribution, CodedScene, StillPanorama
    from nerv360.training import ByClock, Processes, Training, TrainingSettings


Clip = Annotated[Path, typer.Argument(help="360° video, a folder of pictures, or raw .yuv.")]
Output = Annotated[Path | None, typer.Option("-o", "--output", help="Scene file to write.")]
Into = Annotated[
    Path | None, typer.Option(help="Add the decoder to this scene of the same clip instead.")
]
Preset = Annotated[str, typer.Option(help="paper, demo, or auto: paper on a GPU, demo on a CPU.")]
Architecture = Annotated[str, typer.Option("--model", help="nerv360, hnerv or hnerv-boost.")]
Minutes = Annotated[
    float | None,
    typer.Option(
        help="Minutes that it takes; 10 by default, unless the preset paper is named. "
        "With --resume the end stays."
    ),
]
Epochs = Annotated[int | None, typer.Option(help="Passes over the clip, instead.")]
Steps = Annotated[int | None, typer.Option(help="Steps, instead.")]
Seed = Annotated[int | None, typer.Option(help="Of weights, frame order and looks.")]
Rate = Annotated[
    float | None, typer.Option(help="Decibels that a smaller file may cost; 0.1 by default.")
]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Change any number of the preset."),
]
Frames = Annotated[int | None, typer.Option(help="Use only the first frames.", min=1)]
Size = Annotated[
    str | None,
    typer.Option(metavar="WxH", help="Scale the clip down to this size.", show_default=False),
]
ChapterSeconds = Annotated[
    float | None,
    typer.Option(
        metavar="S",
        help="Seconds of a chapter of a longer clip, 10 by default; fewer if memory asks for it.",
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go on from the last checkpoint; --epochs or --steps may move the end, --minutes does "
        "not.",
    ),
]
Replace = Annotated[bool, typer.Option("--overwrite", help="Replace an existing scene or decoder.")]
NoSound = Annotated[bool, typer.Option("--no-sound", help="Leave out the clip's sound.")]
SoundRate = Annotated[
    int | None,
    typer.Option(
        metavar="KBPS",
        help="Kilobits a second of the sound, 96 by default; ambisonics take twice as many.",
    ),
]
Serve = Annotated[
    int | None,
    typer.Option(
        metavar="PORT",
        help="Show the network so far and its curves on a page of this machine; 0 for any free "
        "port.",
        min=0,
        max=65535,
        show_default=False,
    ),
]
Title = Annotated[str | None, typer.Option(help="Title of the clip.")]
Licence = Annotated[str, typer.Option(help="Licence of the clip.")]
Credit = Annotated[str, typer.Option(help="Whom to credit for it.")]


def train(
    context: typer.Context,
    clip: Clip,
    output: Output = None,
    into: Into = None,
    preset: Preset = "auto",
    model: Architecture = "nerv360",
    minutes: Minutes = None,
    epochs: Epochs = None,
    steps: Steps = None,
    seed: Seed = None,
    rate: Rate = None,
    changes: Changes = None,
    frames: Frames = None,
    chapter_seconds: ChapterSeconds = None,
    start: Start = None,
    duration: Duration = None,
    size: Size = None,
    eye: Eye = "left",
    raw: Raw = None,
    device: Device = "auto",
    resume: Resume = False,
    overwrite: Replace = False,
    no_sound: NoSound = False,
    sound_kbps: SoundRate = None,
    serve: Serve = None,
    title: Title = None,
    licence: Licence = "unknown",
    credit: Credit = "unknown",
) -> None:
    """Train a decoder on a clip and write it as a scene file.

    Ctrl-C stops at the end of a step, writes a scene that opens, and keeps a checkpoint for
    --resume. Several processes train together under torchrun, a long clip's chapters each alone.
    """
    began = time.monotonic()
    from nerv360.training import Training, process_group
    from nerv360.viewer.commands.train_chapters import run_chapters, train_or_prepare
    from nerv360.viewer.commands.train_progress import by_options

    target = _target(output, into, resume or overwrite)
    attribution = _attribution(file_name(clip), title, licence, credit)
    scaled = parse_size(size) if size is not None else None
    chosen = device_option(device)
    name = ("demo" if chosen.type == "cpu" else "paper") if preset == "auto" else preset
    clock = _clock(minutes, epochs, steps, preset, began)
    config, settings = _preset(name, model, epochs=epochs, steps=steps, seed=seed, rate=rate)
    existing, still = _existing(into, model, may_replace=overwrite or resume)
    again = _again(context.obj or ["train", str(clip)], resume)
    with process_group(chosen.type) as group, by_options(into):
        opened = clip_option(clip, eye, raw, start, duration, scaled).taken(slice(frames))
        training = Training(
            opened, target, config, settings, attribution, _own_device(chosen, group),
            dict(map(_assignment, changes or [])), name == "demo", group, existing, still, resume,
            overwrite, clock, _sound_kbps(sound_kbps, no_sound),
        )  # fmt: skip
        _say_clip(training)
        course = train_or_prepare(training, chapter_seconds, again, serve)
    if course is not None:  # the processes no longer talk to each other
        run_chapters(course, again, into, serve)


def _preset(name: str, model: str, **changes: float | None) -> tuple[ModelConfig, TrainingSettings]:
    """Return network and settings of the preset, with the changes of the options that are given."""
    from nerv360.training import TRAINING_PRESETS, training_preset

    with for_option("--model" if name in TRAINING_PRESETS else "--preset"):
        config, settings = training_preset(name, model)
    for field, value in changes.items():
        if value is not None:
            with for_option(f"--{field}"):
                settings = replace(settings, **{field: value})  # type: ignore[arg-type]
    return config, settings


def _attribution(source: str, title: str | None, licence: str, credit: str) -> Attribution:
    from nerv360.scene import Attribution

    for option, text in (("--title", title or ""), ("--licence", licence), ("--credit", credit)):
        check_text(option, text)
    return Attribution(title or Path(source).stem, licence, credit, source)


def _sound_kbps(kbps: int | None, leave_out: bool) -> int | None:
    """Return the kilobits a second of the sound, or None if it is left out."""
    from nerv360.sound import DEFAULT_KBPS, LEAST_KBPS, MOST_KBPS

    if leave_out:
        if kbps is not None:
            raise InputError("--sound-kbps: --no-sound leaves the sound out; give one of them")
        return None
    if kbps is not None:
        check_range("--sound-kbps", kbps, LEAST_KBPS, MOST_KBPS)
    return DEFAULT_KBPS if kbps is None else kbps


def _own_device(device: torch.device, group: Processes) -> torch.device:
    """Return the device of this process; each of several has a card of its own."""
    from nerv360.devices import choose_device

    several = device.type == "cuda" and group.count > 1
    return choose_device(f"cuda:{group.local_rank}") if several else device


def _again(arguments: list[str], resume: bool) -> str:
    """Return the command that continues a training."""
    return shlex.join(["nerv360", *arguments, *([] if resume else ["--resume"])])


def _say_clip(training: Training) -> None:
    """Say, in the first process, how the clip is understood, and whether its size is fitted."""
    if not training.group.is_first:
        return
    say_notes(training.clip)
    clip, info, config = training.clip.path, training.clip.info, training.config
    size, fitted = (info.width, info.height), (config.frame_width, config.frame_height)
    if size != fitted:
        sizes = [f"{width}x{height}" for width, height in (size, fitted)]
        sentence = f"{clip}: {sizes[0]} is fitted to {sizes[1]}, which the strides divide"
        print(escaped(sentence))


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


def _existing(
    into: Path | None, model: str, *, may_replace: bool
) -> tuple[CodedScene | None, StillPanorama | None]:
    """Read the scene that a decoder is added to, embeddings still coded, and its still panorama.

    The still panoramas of chapters are read when they are needed.
    """
    if into is None:
        return None, None
    from nerv360.scene import read_coded_scene, read_scene

    coded = read_coded_scene(into)
    still = read_scene(into).still if len(coded.header.chapters) == 1 else None
    if model in coded.header.configs and not may_replace:
        raise InputError(f"--into {into}: it has a {model} decoder already; add --overwrite")
    return coded, still


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise InputError(f"--set {text}: write it as NAME=VALUE")
    return name, value
