"""Photos, and folders of them.

Colour profiles (ICC) are left as they are: values are taken to be sRGB.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from PIL.Image import Transpose
from torch import Tensor

from model.errors import InputError
from model.video.photos.gpano import GPanoError, gpano_placement
from model.video.placement import Placement

FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "AVIF", "BMP", "PPM")
"""Pillow's names of the formats that are read, whatever a file's suffix."""

_JPEG_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo")
_TIFF_SUFFIXES = (".tif", ".tiff")
SUFFIXES = (
    *(".png", ".apng", *_JPEG_SUFFIXES, *_TIFF_SUFFIXES),
    *(".webp", ".avif", ".bmp", ".ppm", ".pgm"),
)
"""Suffixes of the files of a folder that are taken for pictures."""

_UPRIGHT = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
"""What sets a picture of an EXIF orientation upright; from 5 on width and height are swapped."""


@dataclass(frozen=True)
class PictureHeader:
    """Header of one picture.

    Attributes:
        size: height and width in pixels, upright.
        placement: on the sphere, by its GPano metadata.
        notes: what a file says and is not applied, without a full stop.
    """

    size: tuple[int, int]
    placement: Placement
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pictures:
    """Pictures of one size, in order.

    Attributes:
        files: one or more.
        size: height and width in pixels, upright.
        placement: on the sphere, the first picture's.
        notes: what people should know, each a clause without a full stop.
    """

    files: tuple[Path, ...]
    size: tuple[int, int]
    placement: Placement
    notes: tuple[str, ...] = ()


def is_picture(path: Path) -> bool:
    """Return whether a file begins as a picture that can be read, whatever its name."""
    try:
        with _opened(path):
            return True
    except InputError:
        return False


def find_pictures(path: Path) -> Pictures:
    """Find a photo, or the pictures of a folder in natural order (2 before 10).

    Headers only are read. Hidden files (a Mac's ``._`` files among them) and files that are no
    pictures are skipped, and noted; so are numbers that are missing.

    Raises:
        InputError: there is none, one cannot be read, or they differ in size.
    """
    files, notes = _listed(path) if path.is_dir() else ((path,), [])
    headers = [read_header(file) for file in files]
    first = headers[0]
    for file, header in zip(files, headers, strict=True):
        if header.size != first.size:
            raise InputError(
                f"{file} is {_text(header.size)}, but {files[0].name} is {_text(first.size)}: all "
                f"pictures of a folder must have one size"
            )
    notes += _missing(files)
    different = sum(header.placement != first.placement for header in headers)
    if different:
        notes.append(
            f"{different} of its {len(files)} pictures say that they lie on the sphere in another "
            f"way than {files[0].name}, and are taken to lie as that one"
        )
    counts: dict[str, int] = {}
    for note in itertools.chain.from_iterable(header.notes for header in headers):
        counts[note] = counts.get(note, 0) + 1
    single = len(files) == 1
    notes += [note if single else f"of {count} pictures: {note}" for note, count in counts.items()]
    return Pictures(files, first.size, first.placement, tuple(notes))


def read_header(path: Path) -> PictureHeader:
    """Read the header of a picture.

    Raises:
        InputError: it is no picture that can be read.
    """
    with _opened(path) as image:
        width, height = image.size
        if _orientation(image) >= 5:
            width, height = height, width
        notes = []
        with _whole(path):
            frames = getattr(image, "n_frames", 1)
        if frames > 1:
            notes.append(f"it holds {frames} pictures, and only the first is taken")
        xmp = image.info.get("xmp", b"")
        try:
            placement = gpano_placement(xmp.encode() if isinstance(xmp, str) else xmp)
        except GPanoError as error:
            if "projection" in str(error):
                raise InputError(
                    f"{path}: its GPano metadata says {error}; give an equirectangular picture"
                ) from error
            placement = Placement()
            notes.append(
                f"its GPano metadata speaks {error}, and is not believed"
                if str(error).startswith("of")
                else f"its GPano metadata says {error}, and is not believed"
            )
    return PictureHeader((height, width), placement, tuple(notes))


def read_picture(path: Path) -> Tensor:
    """Read a picture upright, height×width×3 uint8 RGB.

    The EXIF orientation is applied, 16 bits are scaled to 8, transparent pixels are laid over
    black.

    Raises:
        InputError: it is no picture, is damaged, or its values have no known range.
    """
    with _opened(path) as image:
        orientation = _orientation(image)
        with _whole(path):
            image.load()
            upright = image.transpose(_UPRIGHT[orientation]) if orientation > 1 else image
            pixels = _rgb(upright)
    if pixels is None:
        raise InputError(
            f"{path} has values of the kind {image.mode!r}, whose range is not known: give a "
            f"picture of 8 or 16 bits a channel"
        )
    return torch.from_numpy(pixels)


def _rgb(image: Image.Image) -> npt.NDArray[np.uint8] | None:
    """Return a loaded picture as height×width×3 bytes; None if the range of values is unknown."""
    if image.mode in ("F", "LAB"):
        return None
    if image.mode.startswith("I"):
        wide = np.asarray(image).astype(np.int64)
        if wide.min() < 0 or wide.max() > 65535:
            return None
        return np.repeat(((wide + 128) // 257).astype(np.uint8)[..., None], 3, 2)
    if image.has_transparency_data:
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, image.convert("RGBA"))
    return np.array(image.convert("RGB"))


def natural_key(name: str) -> list[str | int]:
    """Return a key that sorts names with numbers as people do: 2 before 10."""
    parts: list[str | int] = [*re.split("([0-9]+)", name.casefold())]
    parts[1::2] = [int(digits) for digits in parts[1::2]]
    return [*parts, name]


def _listed(folder: Path) -> tuple[tuple[Path, ...], list[str]]:
    """Return the pictures of a folder in order, and notes on what was skipped."""
    try:
        entries = [(entry, entry.is_dir()) for entry in folder.iterdir()]
    except OSError as error:
        reason = (error.strerror or "no reason given").lower()
        raise InputError(f"{folder} cannot be listed ({reason}): give a folder") from error
    hidden = [entry for entry, _ in entries if entry.name.startswith(".")]
    shown = [(entry, is_dir) for entry, is_dir in entries if entry not in set(hidden)]
    files = [e for e, is_dir in shown if not is_dir and e.suffix.lower() in SUFFIXES]
    others = sorted(e.name for e, is_dir in shown if is_dir or e.suffix.lower() not in SUFFIXES)
    if not files:
        held = f", but {_few(others)}" if others else ""
        raise InputError(
            f"{folder} holds no picture{held}: give a folder of PNG, JPEG, TIFF, WebP, AVIF, BMP "
            f"or PPM pictures"
        )
    skipped = []
    if hidden:
        skipped.append(f"{len(hidden)} hidden file{'s' * (len(hidden) > 1)}")
    if others:
        skipped.append(f"what is no picture ({_few(others)})")
    notes = [f"skipped: {' and '.join(skipped)}"] if skipped else []
    return tuple(sorted(files, key=lambda file: natural_key(file.name))), notes


def _missing(files: Sequence[Path]) -> list[str]:
    """Return a note on the numbers that are missing in names of one pattern, or none.

    Names that count in steps miss none; names with more gaps than pictures do not count pictures.
    """
    matches = [re.fullmatch(r"(.*?)([0-9]{1,18})([^0-9]*)", file.name) for file in files]
    if len(files) < 3 or any(match is None for match in matches):
        return []
    known = [match for match in matches if match is not None]
    if len({(match[1].casefold(), match[3].casefold()) for match in known}) > 1:
        return []
    numbers = sorted({int(match[2]) for match in known})
    step = math.gcd(*(after - before for before, after in itertools.pairwise(numbers))) or 1
    missing = (numbers[-1] - numbers[0]) // step + 1 - len(numbers)
    if not 0 < missing <= len(numbers):
        return []
    before = next(n for n, after in itertools.pairwise(numbers) if after - n > step)
    one = missing == 1
    return [
        f"{missing} number{'s' * (not one)} {'is' if one else 'are'} missing between "
        f"{files[0].name} and {files[-1].name}, the first after {before}: the pictures are taken "
        f"to follow one another without a pause"
    ]


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Context with a picture whose header is read."""
    with warnings.catch_warnings():
        # Panoramas of more than 89 million pixels are large, and no attack; from twice that on
        # Pillow refuses them.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            image = Image.open(path, formats=FORMATS)
        except Image.DecompressionBombError as error:
            most = 2 * (Image.MAX_IMAGE_PIXELS or 0) // 10**6
            raise InputError(
                f"{path} claims to have more than {most} million pixels: give a smaller picture"
            ) from error
        except Exception as error:  # Pillow's readers raise whatever damage makes them stumble over
            reason = "is empty" if _is_empty(path) else "is not a picture that can be read"
            raise InputError(
                f"{path} {reason}: give PNG, JPEG, TIFF, WebP, AVIF, BMP or PPM pictures"
            ) from error
        with image:
            yield image


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[None]:
    """Context in which a picture is read to its end."""
    try:
        yield
    except Exception as error:
        raise InputError(f"{path} is damaged and cannot be read to its end") from error


def _is_empty(path: Path) -> bool:
    try:
        return path.stat().st_size == 0
    except OSError:
        return False


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation that is still to be applied, 1 to 8, before pixels are read."""
    if image.format == "TIFF":
        return 1  # Pillow applies it itself
    exif = Image.Exif()
    try:
        exif.load(image.info.get("exif", b""))
        orientation = exif.get(0x112, 1)
    except Exception:  # as above; without a readable header there is nothing to apply
        return 1
    return orientation if orientation in range(1, 9) else 1


def _text(size: tuple[int, int]) -> str:
    return f"{size[1]}x{size[0]}"


def _few(names: Sequence[str]) -> str:
    """Return up to three names, and how many more there are."""
    more = [f"{len(names) - 3} more"] if len(names) > 3 else []
    return ", ".join([*names[:3], *more])
