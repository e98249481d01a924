"""``nerv360 view``: look around in a scene, in a window."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nerv360.errors import InputError
from nerv360.geometry import DEFAULT_HFOV_DEG
from nerv360.viewer.commands.options import (
    SCENE_OR_CLIP,
    DecoderName,
    Device,
    Duration,
    EngineName,
    Eye,
    GazeFormat,
    GazePath,
    Pitch,
    Raw,
    SceneOrClip,
    Start,
    check_frame,
    check_gaze,
    clip_option,
    decoder_option,
    for_option,
    parse_size,
    path_option,
    within,
)
from nerv360.viewer.paths import DEMO

if TYPE_CHECKING:
    from nerv360.trajectories import Trajectory
    from nerv360.video import Clip
    from nerv360.viewer.decode import OpenScene
    from nerv360.viewer.opening import DeviceChoice
    from nerv360.viewer.opening import Start as Begin

ExitAfter = Annotated[
    float | None,
    typer.Option(metavar="S", help="Close the window after S seconds.", callback=within(0.1, 1e9)),
]
Screenshot = Annotated[
    Path | None, typer.Option(metavar="PNG", help="Write what the window shows when it closes.")
]
Video = Annotated[
    Path | None, typer.Option(metavar="CLIP", help="The clip of the scene, as one more decoder.")
]
WindowSize = Annotated[
    str | None, typer.Option(metavar="WxH", help="Size of the window, such as 1280x720.")
]
Interop = Annotated[
    bool, typer.Option(help="Pictures decoded on a GPU go to the screen without leaving it.")
]
FirstFrame = Annotated[int | None, typer.Option(help="Begin paused at this frame, counted from 0.")]
Wander = Annotated[bool, typer.Option("--wander", help="Look around by itself, until you do.")]
FilmFile = Annotated[
    Path | None,
    typer.Option(
        metavar="MP4", help="Record the window until it closes, as NAME.part.mp4 until then."
    ),
]
Yaw = Annotated[
    float, typer.Option(help="First view: degrees to the right.", callback=within(-360, 360))
]
Roll = Annotated[
    float,
    typer.Option(
        help="First view: degrees that the head leans to the right.", callback=within(-180, 180)
    ),
]
Hfov = Annotated[
    float,
    typer.Option(
        help="First view: degrees that the window is wide, 30 to 110.", callback=within(30, 110)
    ),
]
SMALLEST_WINDOW = (480, 270)


def view(
    scene: SceneOrClip = None,
    exit_after: ExitAfter = None,
    screenshot: Screenshot = None,
    video: Video = None,
    size: WindowSize = None,
    decoder: DecoderName = None,
    device: Device = "auto",
    engine: EngineName = "auto",
    interop: Interop = True,
    frame: FirstFrame = None,
    trajectory: GazePath = None,
    gaze_format: GazeFormat = None,
    eye: Eye = "left",
    raw: Raw = None,
    start: Start = None,
    duration: Duration = None,
    wander: Wander = False,
    film: FilmFile = None,
    yaw: Yaw = 0.0,
    pitch: Pitch = 0.0,
    roll: Roll = 0.0,
    hfov: Hfov = DEFAULT_HFOV_DEG,
) -> None:
    """Look around in a decoded scene or a 360° video in a window. Press ? in it for the keys."""
    window_size = _parse_window(size) if size else None
    _check_writable("--screenshot", screenshot)
    if film is not None:
        _check_film(film)
    if wander and trajectory is not None:
        raise InputError("--wander: the look follows --trajectory already; give one of them")
    check_gaze(trajectory, gaze_format)
    # Decoding threads that spin while they wait compete with the frame loop for cores: on two busy
    # cores decoding became several times slower. OpenMP reads this when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")

    from nerv360.geometry import Look
    from nerv360.viewer.opening import DeviceChoice, first_sight
    from nerv360.viewer.run import Options, run_window
    from nerv360.viewer.shading import DRAWER

    DRAWER.offer()
    file = scene or DEMO
    read = partial(clip_option, eye=eye, raw=raw, start=start, duration=duration)
    glimpsed = video is None and engine == "auto"
    begin = first_sight(file, decoder, device, frame or 0) if glimpsed else None
    begin = begin or _whole(file, video, decoder, DeviceChoice(device), engine, read)
    check_frame(begin.scene, frame)
    options = Options(
        engine=engine,
        interop=interop,
        size=window_size,
        look=Look.from_degrees(yaw, pitch, roll, hfov),
        frame=frame,
        path=_path(begin.scene, trajectory, gaze_format, wander),
        exit_after=exit_after,
        screenshot=screenshot,
        film=film,
    )
    run_window(begin, options)


def _whole(
    file: Path,
    video: Path | None,
    decoder: str | None,
    choice: DeviceChoice,
    engine: str,
    read: Callable[..., Clip],
) -> Begin:
    """Read the scene or clip.

    Raises:
        InputError: it cannot be read, what is given does not go together, there is no such device
            here, or ``video`` is not the scene's clip.
    """
    from nerv360.decoding import check_engine
    from nerv360.scene import read_header
    from nerv360.viewer.decode import ORIGINAL
    from nerv360.viewer.opening import Start as Begin
    from nerv360.viewer.opening import (
        compare_clip,
        is_scene,
        prepare_clip,
        prepare_file,
        put_beside,
    )

    with for_option("--device"):
        device = choice.device
    if not is_scene(file):
        if video is not None:
            raise InputError(f"--video: {file} is a video already; give a scene before it")
        if decoder not in (None, ORIGINAL):
            raise InputError(f"--decoder: a video has no decoder {decoder}, only {ORIGINAL}")
        if engine != "auto":
            raise InputError(f"--engine: a video is decoded by its own codec, not by {engine}")
        clip = read(file, wanted=f"{SCENE_OR_CLIP}, and gaze paths by --trajectory")
        return Begin(prepare_clip(clip), ORIGINAL, choice)
    configs = read_header(file).header.configs
    wants_clip = video is not None and decoder == ORIGINAL
    name = decoder_option(configs, None if wants_clip else decoder)
    with for_option("--engine"):
        check_engine(engine, configs[name], device)
    scene = prepare_file(file, choice, engine)
    if video is not None:
        with for_option("--video"):
            clip = read(video).at_size(scene.size)
            scene = put_beside(scene, clip, compare_clip(scene, clip))
    return Begin(choice.remark_on(scene), ORIGINAL if wants_clip else name, choice, engine)


def _path(
    scene: OpenScene, spec: str | None, gaze_format: str | None, wanders: bool
) -> Trajectory | None:
    from nerv360.viewer.input import wandering_path

    if wanders:
        return wandering_path(scene.frames, scene.fps)
    if spec is None:
        return None
    path = path_option(spec, gaze_format)
    with for_option("--trajectory"):
        path.check_frames(scene.frames)
    return path


def _parse_window(text: str) -> tuple[int, int]:
    height, width = parse_size(text)
    if width < SMALLEST_WINDOW[0] or height < SMALLEST_WINDOW[1]:
        raise InputError(
            f"--size {text}: the window is at least {'x'.join(map(str, SMALLEST_WINDOW))}"
        )
    return width, height


def _check_film(film: Path) -> None:
    from nerv360.video import check_video_name

    _check_writable("--film", film)
    with for_option("--film"):
        check_video_name(film)


def _check_writable(option: str, path: Path | None) -> None:
    if path is None:
        return
    folder = path.absolute().parent
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise InputError(f"{option} {path}: give a file name in a folder that can be written")
