"""``nerv360 info``: what a scene, a clip, a gaze file or a preset is made of."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nerv360.errors import InputError
from nerv360.text import escaped_json
from nerv360.viewer.commands.description import describe_clip, describe_gaze, is_gaze
from nerv360.viewer.commands.options import (
    SCENE_OR_CLIP,
    Duration,
    Eye,
    GazeFormat,
    Raw,
    Start,
    clip_option,
    for_option,
)
from nerv360.viewer.opening import is_scene

if TYPE_CHECKING:
    from rich.console import Group, RenderableType
    from rich.table import Table

    from nerv360.config import ModelConfig
    from nerv360.scene import StoredScene

Report = dict[str, Any]
DESCRIBED = f"{SCENE_OR_CLIP}, or a gaze path"
_TODAY = {"windows": "crops"}
"""Names of settings in scene files, and as `train --set` takes them."""


def info(
    file: Annotated[
        str | None,
        typer.Argument(help="Scene, clip or gaze file to describe.", show_default=False),
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="Describe this preset instead.", show_default=False)
    ] = None,
    gaze_format: GazeFormat = None,
    eye: Eye = "left",
    raw: Raw = None,
    start: Start = None,
    duration: Duration = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print what a scene, a clip, a gaze file or a preset holds."""
    if (file is None) == (preset is None):
        raise InputError("info takes either a file or --preset NAME")
    shown: RenderableType
    if file is not None and _is_clip(file, raw, gaze_format):
        clip = clip_option(Path(file), eye, raw, start, duration, wanted=DESCRIBED)
        report, shown = describe_clip(clip)
    elif file is None and gaze_format is not None:
        raise InputError("--gaze-format: there is no gaze file; name it before")
    elif file is not None and (gaze_format is not None or is_gaze(file)):
        report, shown = _gaze_report(file, gaze_format)
    else:
        report = _scene_report(Path(file)) if file is not None else _preset_report(str(preset))
        shown = _tables(report)
    if as_json:
        print(escaped_json(report))
        return
    from nerv360.viewer.commands.terminal import console

    console().print(shown)


def _gaze_report(file: str, gaze_format: str | None) -> tuple[Report, Table]:
    from nerv360.trajectories import UnknownFormatError

    path = Path(file)
    if path.is_file() and not path.stat().st_size:
        raise InputError(f"{file} is empty: give {DESCRIBED}")
    try:
        return describe_gaze(file, gaze_format)
    except UnknownFormatError as error:
        raise InputError(f"{error}; or {SCENE_OR_CLIP}") from error


def _is_clip(file: str, raw: str | None, gaze_format: str | None) -> bool:
    """Return whether a file is neither a scene nor a gaze file."""
    if raw is not None:
        return True
    path = Path(file)
    return gaze_format is None and not is_scene(path) and not is_gaze(file)


def _scene_report(path: Path) -> Report:
    from nerv360.lab.evaluation import unequal_training
    from nerv360.scene import read_header

    stored = read_header(path)
    header = stored.header
    return {
        "scene": {
            "file": str(path),
            **asdict(header.attribution),
            "width": header.width,
            "height": header.height,
            "fps": header.fps,
            "frames": header.frames,
            "duration_s": header.frames / header.fps,
            "chapters": list(header.chapters),
            "bytes": stored.file_bytes,
            "still_bytes": stored.still_bytes,
            "sound_bytes": stored.sound_bytes,
            "sound_channels": header.sound_channels,
        },
        "decoders": {name: _decoder_report(stored, name) for name in header.configs},
        "unequal_training": unequal_training(header.trainings),
    }


def _decoder_report(stored: StoredScene, name: str) -> Report:
    from nerv360.scene import outcome_sentences

    training = asdict(stored.header.trainings[name])
    settings = training["settings"].items()
    training["settings"] = {_TODAY.get(known, known): value for known, value in settings}
    return {
        **_config_report(stored.header.configs[name]),
        "weight_bytes": stored.weight_bytes[name],
        "embedding_bytes": stored.embedding_bytes[name],
        "training": training,
        "outcome": outcome_sentences(stored.header.configs[name], stored.header.trainings[name]),
        "config": stored.header.configs[name].to_dict(),
    }


def _preset_report(name: str) -> Report:
    from nerv360.networks import preset

    with for_option("--preset"):
        config = preset(name)
    return {
        "preset": name,
        "decoders": {
            config.architecture: {**_config_report(config), "config": config.to_dict()},
        },
    }


def _config_report(config: ModelConfig) -> Report:
    from nerv360.decoding import picture_size
    from nerv360.networks import architecture_of, count_flops, count_parameters

    height, width = picture_size(config)
    return {
        "picture": "whole frame" if architecture_of(config).full_frame else "viewport",
        "picture_height": height,
        "picture_width": width,
        "widths": list(config.widths),
        "embedding_shape": [config.embedding_channels, *config.embedding_size],
        "parameters": count_parameters(config),
        "flop_per_picture": count_flops(config),
    }


def _tables(report: Report) -> Group:
    from rich.console import Group

    parts: list[RenderableType] = []
    if "scene" in report:
        parts += [_scene_table(report["scene"]), ""]
    for name, decoder in report["decoders"].items():
        title = f"{name} (preset {report['preset']})" if "preset" in report else name
        parts.append(_decoder_table(title, decoder))
    if report.get("unequal_training"):
        parts.append(report["unequal_training"])
    return Group(*parts)


def _scene_table(scene: Report) -> Table:
    from nerv360.scene import UNKNOWN
    from nerv360.viewer.commands.terminal import facts_table

    still = f", {_bytes(scene['still_bytes'])} of still panorama" if scene["still_bytes"] else ""
    if scene["sound_bytes"]:
        kinds = {1: "one channel", 2: "stereo", 4: "ambisonics"}
        kind = kinds.get(scene["sound_channels"], f"{scene['sound_channels']} channels")
        still += f", {_bytes(scene['sound_bytes'])} of sound ({kind})"
    return facts_table(
        scene["title"] or scene["file"],
        {
            "file": f"{scene['file']}, {_bytes(scene['bytes'])}{still}",
            "source": f"{scene['source']}, {scene['width']}x{scene['height']}",
            "frames": f"{scene['frames']} at {scene['fps']:.6g} a second, "
            f"{scene['duration_s']:.2f} s{_chapters(scene)}",
        }
        | {name: scene[name] for name in ("licence", "credit") if scene[name] not in UNKNOWN},
    )


def _chapters(scene: Report) -> str:
    count = len(scene["chapters"])
    if count == 1:
        return ""
    begins = ", ".join(f"{first / scene['fps']:.1f}" for first in scene["chapters"])
    return f", in {count} chapters from {begins} s on"


def _decoder_table(title: str, decoder: Report) -> Table:
    from nerv360.viewer.commands.terminal import facts_table

    rows = {
        "decodes": f"the {decoder['picture']}, "
        f"{decoder['picture_width']}x{decoder['picture_height']}",
        "widths": " → ".join(str(width) for width in decoder["widths"]),
        "parameters": f"{decoder['parameters']:,}",
        "FLOP a picture": _scaled(decoder["flop_per_picture"]),
        "embedding a frame": "x".join(str(side) for side in decoder["embedding_shape"]),
    }
    if "training" in decoder:
        training = decoder["training"]
        rows |= {
            "bytes": f"{_bytes(decoder['weight_bytes'])} of weights, "
            f"{_bytes(decoder['embedding_bytes'])} of embeddings",
            "quality": _quality(training),
            "how it came out": " ".join(decoder["outcome"]) or "not measured",
            "training": f"{training['epochs']} epochs, {training['steps']:,} steps, "
            f"{training['seconds']:,.0f} s",
        }
        rows |= {f"  {key}": json.dumps(value) for key, value in training["settings"].items()}
    return facts_table(title, rows)


def _quality(training: Report) -> str:
    names = {
        "psnr_db": "{:.2f} dB PSNR",
        "moving_db": "{:.2f} dB where it moves",
        "ms_ssim": "{:.4f} MS-SSIM",
    }
    measured = [form.format(training[n]) for n, form in names.items() if training[n] is not None]
    return ", ".join(measured) or "not measured"


def _bytes(count: int) -> str:
    return f"{count / 2**20:.2f} MiB" if count >= 2**20 else f"{count / 2**10:.1f} KiB"


def _scaled(count: int) -> str:
    for size, letter in ((1e12, "T"), (1e9, "G")):
        if count >= size:
            return f"{count / size:.2f} {letter}FLOP"
    return f"{count / 1e6:.2f} MFLOP"
