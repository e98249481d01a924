"""``nerv360 render``: one picture or a film of a scene, without a window."""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nerv360.errors import InputError
from nerv360.files import atomic_write
from nerv360.progress import stage, track
from nerv360.text import escaped
from nerv360.viewer.commands.hidden_graphics import hidden_graphics
from nerv360.viewer.commands.options import (
    Device,
    EngineName,
    GazeFormat,
    Overwrite,
    SceneFile,
    check_frame,
    check_output,
    check_range,
    decoder_option,
    device_option,
    for_option,
    parse_size,
    path_option,
)

if TYPE_CHECKING:
    from nerv360.decoding import Engine
    from nerv360.scene import Scene
    from nerv360.trajectories import Step, Trajectory

_PICTURES = (".png", ".jpg", ".jpeg")
_FILMS = (".mp4", ".mkv", ".mov")


@dataclass(frozen=True)
class _Sweep:
    """First look of a film and its turn over the clip, or the only look of a picture; degrees."""

    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    hfov_deg: float | None
    frame: int | None
    turn_deg: float


def render(
    output: Annotated[
        Path,
        typer.Option("-o", "--output", help="A picture (.png, .jpg) or film (.mp4, .mkv, .mov)."),
    ],
    scene: SceneFile = None,
    yaw: Annotated[float, typer.Option(help="Degrees to the right.")] = 0.0,
    pitch: Annotated[float, typer.Option(help="Degrees up, -90 to 90.")] = 0.0,
    roll: Annotated[float, typer.Option(help="Degrees the head leans clockwise.")] = 0.0,
    hfov: Annotated[
        float | None,
        typer.Option(help="Horizontal field of view in degrees; the decoder's own by default."),
    ] = None,
    frame: Annotated[
        int | None,
        typer.Option(help="Frame, counted from 0; a film then stands still at it.", min=0),
    ] = None,
    size: Annotated[
        str | None, typer.Option(metavar="WxH", help="Size; the decoder's own by default.")
    ] = None,
    sweep: Annotated[
        float, typer.Option(help="Degrees that a film turns to the right over the clip.")
    ] = 360.0,
    trajectory: Annotated[
        str | None,
        typer.Option(help="Gaze path that a film follows: a file, or jvet:balboa-vp0 and others."),
    ] = None,
    gaze_format: GazeFormat = None,
    decoder: Annotated[str | None, typer.Option(help="Decoder of the scene.")] = None,
    device: Device = "auto",
    engine: EngineName = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Render one picture of a scene, or a film along a sweep or a gaze path."""
    suffix = output.suffix.lower()
    if suffix not in _PICTURES + _FILMS:
        raise InputError(f"-o {output} must end in one of {', '.join(_PICTURES + _FILMS)}")
    if trajectory is not None and suffix in _PICTURES:
        raise InputError(
            f"-o {output}: a gaze path makes a film, so name one of {', '.join(_FILMS)}"
        )
    if gaze_format is not None and trajectory is None:
        raise InputError("--gaze-format: there is no gaze path; give it by --trajectory")
    check_output(output, overwrite)
    check_range("--yaw", yaw, -1e6, 1e6)
    check_range("--pitch", pitch, -90, 90)
    check_range("--roll", roll, -1e6, 1e6)
    check_range("--sweep", sweep, -1e6, 1e6)
    if hfov is not None:
        check_range("--hfov", hfov, 10, 160)
    wanted = parse_size(size) if size else None

    from nerv360.decoding import check_engine, open_engine, without_compiler
    from nerv360.scene import read_scene
    from nerv360.viewer.failures import describe
    from nerv360.viewer.paths import DEMO
    from nerv360.viewer.shading import DRAWER

    with stage(f"reading {(scene or DEMO).name}"):
        contents = read_scene(scene or DEMO)
    name = decoder_option(contents, decoder)
    config = contents.decoders[name].config
    check_frame(contents, frame)
    shown = _Sweep(yaw, pitch, roll, hfov, frame, sweep)
    path = path_option(trajectory, gaze_format) if trajectory is not None else None
    steps = _steps(contents, shown, config.hfov_deg, path, film=suffix in _FILMS)
    height, width = wanted or (config.viewport_height, config.viewport_width)
    if suffix in _FILMS and (height % 2 or width % 2):
        raise InputError(f"--size {width}x{height}: a film needs even sides")
    decoded = _decoded_size(height, width, config.scale) if wanted else None
    chosen = device_option(device)
    DRAWER.offer()
    with for_option("--engine"):
        check_engine(engine, config, chosen)
    if engine == "auto" and suffix in _PICTURES:
        engine = without_compiler(engine, chosen)  # avoids compiling for one picture
    with hidden_graphics() if engine == "gl" else nullcontext():
        try:
            with stage(f"opening {name}"):
                decoding = open_engine(contents, name, chosen, decoded, engine)
        except (RuntimeError, ImportError) as error:
            raise InputError(f"--engine {engine} cannot be used here: {describe(error)}") from error
        if suffix in _FILMS:
            _write_film(decoding, steps, output, height, width, contents.fps)
        else:
            _write_picture(decoding, steps[0], output, height, width)
    print(escaped(str(output)))


def _decoded_size(height: int, width: int, scale: int) -> tuple[int, int]:
    """Return a size the decoder can have, at least as high for its width as the view."""
    return math.ceil(height / scale) * scale, max(1, width // scale) * scale


def _steps(
    scene: Scene, shown: _Sweep, hfov_deg: float, path: Trajectory | None, *, film: bool
) -> list[Step]:
    from nerv360.geometry import Look
    from nerv360.trajectories import Step

    hfov_deg = shown.hfov_deg or hfov_deg
    if path is not None:
        steps = path.steps(scene.frames, scene.fps)
        if shown.hfov_deg is not None:
            hfov = math.radians(shown.hfov_deg)
            steps = [Step(s.frame, replace(s.look, hfov=hfov)) for s in steps]
        if shown.frame is not None:
            steps = [Step(shown.frame, s.look) for s in steps]
        return steps
    count = scene.frames if film else 1
    return [
        Step(
            shown.frame if shown.frame is not None else k,
            Look.from_degrees(
                shown.yaw_deg + shown.turn_deg * k / count,
                shown.pitch_deg,
                shown.roll_deg,
                hfov_deg,
            ),
        )
        for k in range(count)
    ]


def _write_picture(engine: Engine, step: Step, output: Path, height: int, width: int) -> None:
    from PIL import Image

    from nerv360.rendering import render_view

    view = render_view(engine, step.look, step.frame, height, width)
    try:
        with atomic_write(output) as partial:
            Image.fromarray(view.cpu().numpy()).save(partial, quality=95)
    except OSError as error:
        raise InputError(f"-o {output} cannot be written: {error.strerror or error}") from error


def _write_film(
    engine: Engine, steps: list[Step], output: Path, height: int, width: int, fps: float
) -> None:
    from nerv360.rendering import render_view
    from nerv360.video import VideoWriter

    with VideoWriter(output, width, height, fps) as film:
        for step in track(steps, "rendering"):
            film.write(render_view(engine, step.look, step.frame, height, width))
