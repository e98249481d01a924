"""``nerv360 render``: one picture or a film of a scene, without a window."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
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
    DecoderName,
    Device,
    EngineName,
    GazeFormat,
    GazePath,
    Overwrite,
    Pitch,
    SceneFile,
    check_frame,
    check_gaze,
    check_output,
    decoder_option,
    device_option,
    for_option,
    parse_size,
    path_option,
    within,
)

if TYPE_CHECKING:
    from nerv360.config import ModelConfig
    from nerv360.decoding import Engine
    from nerv360.scene import SceneHeader
    from nerv360.sound import SoundOfFrames
    from nerv360.trajectories import Step, Trajectory

_PICTURES = (".png", ".jpg", ".jpeg")
_FILMS = (".mp4", ".mkv", ".mov")


_ANY_TURN = within(-1e6, 1e6)

Output = Annotated[
    Path, typer.Option("-o", "--output", help="A picture (.png, .jpg) or film (.mp4, .mkv, .mov).")
]
Yaw = Annotated[float, typer.Option(help="Degrees to the right.", callback=_ANY_TURN)]
Roll = Annotated[float, typer.Option(help="Degrees the head leans clockwise.", callback=_ANY_TURN)]
Hfov = Annotated[
    float | None,
    typer.Option(
        help="Horizontal field of view in degrees; the decoder's own by default.",
        callback=within(10, 160),
    ),
]
Frame = Annotated[
    int | None, typer.Option(help="Frame, counted from 0; a film then stands still at it.", min=0)
]
Size = Annotated[
    str | None, typer.Option(metavar="WxH", help="Size; the decoder's own by default.")
]
Sweep = Annotated[
    float,
    typer.Option(help="Degrees that a film turns to the right over the clip.", callback=_ANY_TURN),
]


@dataclass(frozen=True)
class _Looks:
    """First look of a film and its turn over the clip, or the only look of a picture; degrees."""

    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    hfov_deg: float | None
    frame: int | None
    turn_deg: float


def render(
    output: Output,
    scene: SceneFile = None,
    yaw: Yaw = 0.0,
    pitch: Pitch = 0.0,
    roll: Roll = 0.0,
    hfov: Hfov = None,
    frame: Frame = None,
    size: Size = None,
    sweep: Sweep = 360.0,
    trajectory: GazePath = None,
    gaze_format: GazeFormat = None,
    decoder: DecoderName = None,
    device: Device = "auto",
    engine: EngineName = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Render one picture of a scene, or a film along a sweep or a gaze path."""
    films = _is_film(output)
    if trajectory is not None and not films:
        raise InputError(
            f"-o {output}: a gaze path makes a film, so name one of {', '.join(_FILMS)}"
        )
    check_gaze(trajectory, gaze_format)
    check_output(output, overwrite)
    wanted = parse_size(size) if size else None

    from nerv360.scene import read_header
    from nerv360.viewer.paths import DEMO

    file = scene or DEMO
    header = read_header(file).header
    name = decoder_option(header.configs, decoder)
    config = header.configs[name]
    check_frame(header, frame)
    looks = _Looks(yaw, pitch, roll, hfov, frame, sweep)
    path = path_option(trajectory, gaze_format) if trajectory is not None else None
    steps = _steps(header, looks, config.hfov_deg, path, film=films)
    height, width = wanted or (config.viewport_height, config.viewport_width)
    if films and (height % 2 or width % 2):
        raise InputError(f"--size {width}x{height}: a film needs even sides")
    decoded = _decoded_size(height, width, config.scale) if wanted else None
    with _opened(file, name, config, device, decoded, engine, film=films) as decoding:
        if films:
            sound = _sound(file, header, steps)
            _write_film(decoding, steps, output, (height, width), header.fps, sound)
        else:
            _write_picture(decoding, steps[0], output, height, width)
    print(escaped(str(output)))


def _is_film(output: Path) -> bool:
    suffix = output.suffix.lower()
    if suffix not in _PICTURES + _FILMS:
        raise InputError(f"-o {output} must end in one of {', '.join(_PICTURES + _FILMS)}")
    return suffix in _FILMS


@contextmanager
def _opened(
    scene: Path,
    name: str,
    config: ModelConfig,
    device: str,
    size: tuple[int, int] | None,
    engine: str,
    *,
    film: bool,
) -> Iterator[Engine]:
    """Open the engine of the options.

    Raises:
        InputError: it cannot be used here.
    """
    from nerv360.decoding import check_engine, open_engine, without_compiler
    from nerv360.viewer.failures import describe
    from nerv360.viewer.shading import DRAWER

    chosen = device_option(device)
    DRAWER.offer()
    with for_option("--engine"):
        check_engine(engine, config, chosen)
    if engine == "auto" and not film:
        engine = without_compiler(engine, chosen)  # avoids compiling for one picture
    with hidden_graphics() if engine == "gl" else nullcontext():
        try:
            with stage(f"opening {name}"):
                opened = open_engine(scene, name, chosen, size, engine)
        except (RuntimeError, ImportError) as error:
            raise InputError(f"--engine {engine} cannot be used here: {describe(error)}") from error
        yield opened


def _decoded_size(height: int, width: int, scale: int) -> tuple[int, int]:
    """Return a size the decoder can have, at least as high for its width as the view."""
    return math.ceil(height / scale) * scale, max(1, width // scale) * scale


def _steps(
    scene: SceneHeader, looks: _Looks, hfov_deg: float, path: Trajectory | None, *, film: bool
) -> list[Step]:
    from nerv360.geometry import Look
    from nerv360.trajectories import Step

    hfov_deg = looks.hfov_deg or hfov_deg
    if path is not None:
        steps = path.steps(scene.frames, scene.fps)
        if looks.hfov_deg is not None:
            hfov = math.radians(looks.hfov_deg)
            steps = [Step(s.frame, replace(s.look, hfov=hfov)) for s in steps]
        if looks.frame is not None:
            steps = [Step(looks.frame, s.look) for s in steps]
        return steps
    count = scene.frames if film else 1
    return [
        Step(
            looks.frame if looks.frame is not None else k,
            Look.from_degrees(
                looks.yaw_deg + looks.turn_deg * k / count,
                looks.pitch_deg,
                looks.roll_deg,
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


def _sound(file: Path, scene: SceneHeader, steps: list[Step]) -> SoundOfFrames | None:
    """Return the sound of a film, or None if the scene has none or the film does not play it."""
    from nerv360.scene import read_sound
    from nerv360.sound import SoundOfFrames, find_track, follow_each_other

    if not follow_each_other([step.frame for step in steps], scene.frames):
        return None
    sound = read_sound(file)
    found = None if sound is None else find_track(sound, "the scene")
    return None if found is None else SoundOfFrames(found, scene.fps)


def _write_film(
    engine: Engine,
    steps: list[Step],
    output: Path,
    size: tuple[int, int],
    fps: float,
    sound: SoundOfFrames | None,
) -> None:
    from nerv360.rendering import render_view
    from nerv360.video import VideoWriter

    height, width = size
    with ExitStack() as stack:
        if sound is not None:
            stack.callback(sound.close)
        film = stack.enter_context(
            VideoWriter(output, width, height, fps, channels=0 if sound is None else 2)
        )
        for step in track(steps, "rendering"):
            film.write(render_view(engine, step.look, step.frame, height, width))
            if sound is not None:
                film.write_sound(sound.read(step.frame, step.look))
