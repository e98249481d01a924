"""``nerv360 evaluate``: quality, speed and memory of a scene's decoders along gaze paths."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nerv360.errors import InputError
from nerv360.progress import stage
from nerv360.text import escaped
from nerv360.viewer.commands.options import (
    Device,
    Eye,
    Raw,
    Start,
    clip_option,
    device_option,
    parse_size,
    path_option,
    say_notes,
    within,
)

if TYPE_CHECKING:
    from nerv360.lab.evaluation import Evaluation
    from nerv360.trajectories import Trajectory


Video = Annotated[Path, typer.Option(help="The clip that the scene was trained on.")]
GazePaths = Annotated[
    list[str],
    typer.Option(help="Gaze path: a file, or jvet:balboa-vp0 and others. Repeat for more."),
]
Output = Annotated[Path, typer.Option("-o", "--output", help="Folder of the report.")]
Decoders = Annotated[list[str] | None, typer.Option(help="Decoder of the scene; all by default.")]
Codecs = Annotated[
    list[str] | None, typer.Option(help="Compare with x265 or av1 at NeRV360's number of bytes.")
]
Size = Annotated[
    str | None, typer.Option(metavar="WxH", help="Viewports; the decoder's own by default.")
]
SphereFrames = Annotated[
    int,
    typer.Option(help="Pictures that are compared as whole spheres.", callback=within(1, 100_000)),
]
Film = Annotated[bool, typer.Option("--film", help="Also films: original, decoded and error map.")]
GazeFormats = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Format of the gaze file, as `nerv360 info` takes it; one for all, or one a path.",
        show_default=False,
    ),
]


def evaluate(
    scene: Annotated[Path, typer.Argument(help="Scene file.")],
    video: Video,
    trajectory: GazePaths,
    output: Output = Path("report"),
    decoder: Decoders = None,
    codec: Codecs = None,
    size: Size = None,
    sphere_frames: SphereFrames = 10,
    film: Film = False,
    device: Device = "auto",
    gaze_format: GazeFormats = None,
    eye: Eye = "left",
    raw: Raw = None,
    start: Start = None,
) -> None:
    """Evaluate a scene along gaze paths and write a report. A stopped one continues."""
    viewport = parse_size(size) if size else None
    _no_repeats("--decoder", decoder or [])
    _no_repeats("--codec", codec or [])

    from nerv360.lab import evaluation as lab

    for name in codec or []:
        if name not in lab.CODECS:
            raise InputError(f"--codec {name}: give {' or '.join(lab.CODECS)}")
    clip = clip_option(video, eye, raw, start)
    say_notes(clip)
    options = lab.EvaluationOptions(
        scene=scene,
        clip=clip,
        trajectories=_paths(trajectory, gaze_format or []),
        output=output,
        decoders=tuple(decoder or ()),
        codecs=tuple(codec or ()),
        device=str(device_option(device)),
        size=viewport,
        sphere_frames=sphere_frames,
    )
    with stage(f"reading {scene.name} and {video.name}"):
        plan = lab.prepare(options)
    print(escaped(f"{video}: {plan.sameness}"), file=sys.stderr)
    evaluation = lab.evaluate(plan)
    lab.write_csv(evaluation, output)
    with stage("writing the report"):
        report = lab.write_report(plan, evaluation, output)
    films = lab.write_films(plan, output / "films") if film else []
    _print(evaluation)
    for path in [report, *films]:
        print(escaped(str(path)))


def _paths(specs: list[str], formats: list[str]) -> list[Trajectory]:
    if len(formats) not in (0, 1, len(specs)):
        raise InputError(
            f"--gaze-format is given {len(formats)} times for {len(specs)} paths: give one for "
            f"all, or one for each in their order"
        )
    each = formats if len(formats) == len(specs) else [*formats, None][:1] * len(specs)
    return [path_option(spec, name) for spec, name in zip(specs, each, strict=True)]


def _no_repeats(option: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{option} {name} is given twice: give it once")


def _print(evaluation: Evaluation) -> None:
    from nerv360.lab.evaluation import narrow_summary, path_table, unequal_training
    from nerv360.viewer.commands.terminal import console, plain_table

    show = console().print
    head, paths = path_table(evaluation)
    tables = [
        *narrow_summary(evaluation),
        (head, [[cell.replace(" / ", "\n") for cell in row] for row in paths]),
    ]
    for columns, lines in tables:
        show(plain_table([column.replace(" ", "\n") for column in columns], lines))
    show("Along each path: PSNR in dB, PSNR in dB where it moves, MS-SSIM.")
    if sentence := unequal_training(evaluation.trainings):
        show(sentence)
