"""Options that several commands share, checked before files are loaded or written."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from nerv360.decoding import engine_help
from nerv360.errors import InputError
from nerv360.files import atomic_write, partial_path
from nerv360.text import escaped
from nerv360.viewer.opening import unlike_clip

if TYPE_CHECKING:
    import torch

    from nerv360.scene import SceneHeader
    from nerv360.trajectories import Trajectory, Understanding
    from nerv360.video import Clip
    from nerv360.viewer.decode import OpenScene

SMALLEST_SIDE = 16
LARGEST_SIDE = 8192
LONGEST_TEXT = 2000
CLIP = "a 360° video, a photo or a folder of pictures"
SCENE_OR_CLIP = f"a scene, {CLIP}"


def within(low: float, high: float) -> Callable[[typer.CallbackParam, Any], Any]:
    """Return a callback that refuses a value of an option outside ``low`` to ``high``."""

    def check(param: typer.CallbackParam, value: Any) -> Any:
        if value is not None:
            check_range(param.opts[0], value, low, high)
        return value

    return check


Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:N or mps.")]
EngineName = Annotated[str, typer.Option("--engine", help=engine_help())]
Eye = Annotated[str, typer.Option(help="Of a stereo clip: left or right.")]
Raw = Annotated[
    str | None,
    typer.Option(
        metavar="WxH,FPS,PIXFMT",
        help="Format of a raw .yuv clip, such as 6144x3072,60,yuv420p10le; told by its name "
        "(JVET's convention) if not given.",
        show_default=False,
    ),
]
Start = Annotated[
    float | None,
    typer.Option(metavar="S", help="Leave out the clip's first S seconds.", show_default=False),
]
Duration = Annotated[
    float | None,
    typer.Option(metavar="S", help="Use only S seconds of the clip.", show_default=False),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the output.")]
GazeFormat = Annotated[
    str | None,
    typer.Option(
        "--gaze-format",
        metavar="NAME",
        help="Format of the gaze file, if it cannot be told: "
        "a name that the refusal lists, or the columns, such as time_s,yaw_deg,-pitch_deg.",
        show_default=False,
    ),
]
GazePath = Annotated[
    str | None,
    typer.Option(
        "--trajectory", help="Follow a gaze path: a file, or one of JVET's such as jvet:balboa-vp0."
    ),
]
DecoderName = Annotated[str | None, typer.Option("--decoder", help="Decoder of the scene.")]
Pitch = Annotated[float, typer.Option(help="Degrees up, -90 to 90.", callback=within(-90, 90))]
SceneFile = Annotated[
    Path | None, typer.Argument(help="Scene file; the demo scene if none is given.")
]
SceneOrClip = Annotated[
    Path | None,
    typer.Argument(
        metavar="SCENE|CLIP",
        help="Scene, 360° video, photo or folder of pictures; the demo scene if none is given.",
    ),
]


@contextmanager
def for_option(option: str) -> Iterator[None]:
    """Prefix every InputError raised inside with ``option``.

    The model's errors speak of values; only a command knows which option gave each.
    """
    try:
        yield
    except InputError as error:
        raise InputError(f"{option}: {error}") from error


def parse_size(text: str) -> tuple[int, int]:
    """Return height and width of ``--size WxH``.

    Raises:
        InputError: it is no size, or too small or large a one.
    """
    match = re.fullmatch(r"(\d{1,6})[xX×](\d{1,6})", text)
    sides = (int(match[2]), int(match[1])) if match else (0, 0)
    if not all(SMALLEST_SIDE <= side <= LARGEST_SIDE for side in sides):
        raise InputError(
            f"--size {text}: give width x height, such as 1280x720, from "
            f"{SMALLEST_SIDE}x{SMALLEST_SIDE} to {LARGEST_SIDE}x{LARGEST_SIDE}"
        )
    return sides


def check_range(option: str, value: float, low: float, high: float) -> None:
    """Raise InputError if ``value`` is not a number from ``low`` to ``high``."""
    if not math.isfinite(value) or not low <= value <= high:
        raise InputError(f"{option} {value:g}: give {low:g} to {high:g}")


def check_output(path: Path, overwrite: bool, option: str = "-o") -> None:
    """Check that ``path`` may be written.

    Raises:
        InputError: it exists and may not be replaced, or nothing can be written there.
    """
    if path.is_dir():
        raise InputError(f"{option} {path} is a folder: name a file")
    if path.exists() and not overwrite:
        raise InputError(f"{option} {path} exists already: give another name or --overwrite")
    if not path.parent.is_dir():
        raise InputError(f"{option} {path}: the folder {path.parent} does not exist")
    beside = partial_path(path)
    try:
        beside.touch()
        beside.unlink()
    except OSError as error:
        raise InputError(f"{option} {path} cannot be written: {error.strerror}") from error


def write_output(option: str, path: Path, content: bytes) -> None:
    """Write ``path`` completely or not at all.

    Raises:
        InputError: it cannot be written.
    """
    try:
        with atomic_write(path) as partial:
            partial.write_bytes(content)
    except OSError as error:
        raise InputError(f"{option} {path} cannot be written: {error.strerror}") from error


def check_text(option: str, text: str) -> None:
    """Raise InputError if a scene cannot hold ``text``."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError(f"{option}: give text in the terminal's own encoding") from None
    if len(text) > LONGEST_TEXT:
        raise InputError(f"{option}: give at most {LONGEST_TEXT} characters, not {len(text)}")


def clip_option(
    path: Path,
    eye: str = "left",
    raw: str | None = None,
    start: float | None = None,
    duration: float | None = None,
    size: tuple[int, int] | None = None,
    wanted: str = CLIP,
) -> Clip:
    """Open the clip of a command line, as `nerv360.video.open_clip` does.

    Args:
        wanted: what the command takes, for the sentence on a file that is no clip.

    Raises:
        InputError: it cannot be opened so.
    """
    from nerv360.video import is_raw, open_clip, parse_raw

    if eye not in ("left", "right"):
        raise InputError(f"--eye {eye}: give left or right")
    if raw is not None:
        with for_option("--raw"):
            parse_raw(raw)
    for option, value, least in (("--start", start, 0.0), ("--duration", duration, 1e-3)):
        if value is not None:
            check_range(option, value, least, 1e6)
    seen: Literal["left", "right"] = "right" if eye == "right" else "left"
    by_name = raw is None and is_raw(path) and path.is_file()
    if raw is None and (unlike := unlike_clip(path)) is not None:
        raise InputError(f"{path} {unlike}: give {wanted}")
    with for_option("--raw") if by_name else nullcontext():
        return open_clip(path, eye=seen, raw=raw, start=start, duration=duration, size=size)


def say_notes(clip: Clip) -> None:
    """Print on stderr the clip's notes on what was assumed, applied or left out, one line each."""
    for note in clip.notes:
        print(escaped(f"{clip.path}: {note}"), file=sys.stderr)


def path_option(spec: str, gaze_format: str | None = None) -> Trajectory:
    """Return the gaze path of ``--trajectory SPEC``, and say on stderr what is doubtful about it.

    Raises:
        InputError: there is none, or it is broken.
    """
    with for_option("--trajectory"):
        understanding = gaze_option(spec, gaze_format)
    for remark in understanding.remarks:
        print(escaped(f"nerv360: {spec}: {remark}"), file=sys.stderr)
    return understanding.path


def check_gaze(spec: str | None, gaze_format: str | None) -> None:
    """Raise InputError if a format is given and no gaze path."""
    if gaze_format is not None and spec is None:
        raise InputError("--gaze-format: there is no gaze path; give it by --trajectory")


def gaze_option(spec: str, gaze_format: str | None) -> Understanding:
    """Return what is understood of a gaze file in the format of ``--gaze-format NAME``.

    Raises:
        InputError: there is none, it is broken, or its format cannot be told or is not known.
    """
    from nerv360.trajectories import DoubtfulFormatError, UnknownFormatNameError, understand

    try:
        return understand(spec, gaze_format)
    except DoubtfulFormatError as error:
        raise InputError(f"{error} by --gaze-format") from error
    except UnknownFormatNameError as error:
        raise InputError(f"--gaze-format: {error}") from error


def device_option(name: str) -> torch.device:
    """Return the device of ``--device NAME``; if ``auto`` leaves a card unused, stderr says why.

    Raises:
        InputError: there is no such device here.
    """
    from nerv360.devices import choose_device, unused_card

    with for_option("--device"):
        chosen = choose_device(name)
    if name == "auto" and (reason := unused_card()) is not None:
        print(f"nerv360: {reason}", file=sys.stderr)
    return chosen


def decoder_option(decoders: Collection[str], name: str | None) -> str:
    """Return the decoder of ``--decoder NAME``; if None, the one the viewer begins with.

    Raises:
        InputError: the scene's ``decoders`` have none of that name.
    """
    from nerv360.viewer.decode import decoder_names

    if name is None:
        return decoder_names(decoders)[0]
    if name not in decoders:
        raise InputError(f"--decoder: the scene has no decoder {name}, only {', '.join(decoders)}")
    return name


def check_frame(scene: SceneHeader | OpenScene, frame: int | None) -> None:
    """Raise InputError if ``scene`` has no such frame."""
    if frame is not None and not 0 <= frame < scene.frames:
        raise InputError(f"--frame {frame}: the scene has frames 0 to {scene.frames - 1}")
