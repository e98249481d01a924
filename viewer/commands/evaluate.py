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
    check_range,
    clip_option,
    device_option,
    parse_size,
    path_option,
    say_notes,
)

if TYPE_CHECKING:
    from nerv360.lab.evaluation import Evaluation
    from nerv360.trajectories import Trajectory


def evaluate(
    scene: Annotated[Path, typer.Argument(help="Scene file.")],
    video: Annotated[Path, typer.Option(help="The clip that the scene was trained on.")],
    trajectory: Annotated[
        list[str],
        typer.Option(help="Gaze path: a file, or jvet:balboa-vp0 and others. Repeat for more."),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the report.")] = Path(
        "report"
    ),
    decoder: Annotated[
        list[str] | None, typer.Option(help="Decoder of the scene; all by default.")
    ] = None,
    codec: Annotated[
        list[str] | None,
        typer.Option(help="Compare with x265 or av1 at NeRV360's number of bytes."),
    ] = None,
    size: Annotated[
        str | None, typer.Option(metavar="WxH", help="Viewports; the decoder's own by default.")
    ] = None,
    sphere_frames: Annotated[
        int, typer.Option(help="Pictures that are compared as whole spheres.", min=1)
    ] = 10,
    film: Annotated[
        bool, typer.Option("--film", help="Also films: original, decoded and error map.")
    ] = False,
    device: Device = "auto",
    gaze_format: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Format of the gaze file, as `nerv360 info` takes it; one for all, or one a path.",
            show_default=False,
        ),
    ] = None,
    eye: Eye = "left",
    raw: Raw = None,
    start: Start = None,
) -> None:
    """Evaluate a scene along gaze paths and write a report. A stopped one continues."""
    check_range("--sphere-frames", sphere_frames, 1, 100_000)
    viewport = parse_size(size) if size else None
    _no_repeats("--decoder", decoder or [])
    _no_repeats("--codec", codec or [])

    from nerv360.lab.evaluation import (
        CODECS,
        EvaluationOptions,
        prepare,
        write_csv,
        write_films,
        write_report,
    )
    from nerv360.lab.evaluation import evaluate as run

    for name in codec or []:
        if name not in CODECS:
            raise InputError(f"--codec {name}: give {' or '.join(CODECS)}")
    clip = clip_option(video, eye, raw, start)
    say_notes(clip)
    options = EvaluationOptions(
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
        plan = prepare(options)
    print(escaped(f"{video}: {plan.sameness}"), file=sys.stderr)
    evaluation = run(plan)
    write_csv(evaluation, output)
    with stage("writing the report"):
        report = write_report(plan, evaluation, output)
    films = write_films(plan, output / "films") if film else []
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
    from rich.console import Console

    from nerv360.lab.evaluation import narrow_summary, path_table, unequal_training
    from nerv360.viewer.commands.terminal import plain_table

    console = Console()
    head, paths = path_table(evaluation)
    tables = [
        *narrow_summary(evaluation),
        (head, [[cell.replace(" / ", "\n") for cell in row] for row in paths]),
    ]
    for columns, lines in tables:
        console.print(plain_table([column.replace(" ", "\n") for column in columns], lines))
    console.print("Along each path: PSNR in dB, PSNR in dB where it moves, MS-SSIM.")
    if sentence := unequal_training(evaluation.trainings):
        console.print(sentence, highlight=False)
