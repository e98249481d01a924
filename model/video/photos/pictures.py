"""Photos, and folders of them.

Colour profiles (ICC) are not applied, and that is noted: values are taken to be sRGB.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageCms
from PIL.Image import Transpose
from torch import Tensor

from nerv360.errors import InputError
from nerv360.text import escaped, file_name
from nerv360.video.photos.folder import list_folder, missing_numbers, same_names
from nerv360.video.photos.gpano import GPanoError, gpano_placement, unread
from nerv360.video.placement import Placement

FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "AVIF", "BMP", "PPM")
"""Pillow's names of the formats that are read, by content, not by suffix."""

_DNG_VERSION = 50706
"""TIFF tag of a camera's raw picture."""

_UPRIGHT = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
"""Turn of a picture by its EXIF orientation; from 5 on width and height are swapped."""


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


class _NoPictureError(InputError):
    """A file whose content is no picture of a format that is read."""


def is_picture(path: Path) -> bool:
    """Return whether a file begins as a picture, whatever its name, even one that is refused."""
    try:
        with _opened(path):
            return True
    except _NoPictureError:
        return False
    except InputError:
        return True


def find_pictures(path: Path) -> Pictures:
    """Find a photo, or the pictures of a folder in natural order (2 before 10).

    The first picture is read whole, of the others only the headers. Hidden files (a Mac's ``._``
    files among them) and files that are no pictures are skipped, and noted; so are numbers that
    are missing.

    Raises:
        InputError: there is none, one cannot be read, or they differ in size.
    """
    files, notes = list_folder(path) if path.is_dir() else ((path,), [])
    headers = [read_header(file) for file in files]
    first = headers[0]
    for file, header in zip(files, headers, strict=True):
        if header.size != first.size:
            raise InputError(
                f"{file} is {_text(header.size)}, but {files[0].name} is {_text(first.size)}: all "
                f"pictures of a folder must have one size"
            )
    read_picture(files[0])  # an unreadable picture is reported before a window or a training begins
    notes += [*missing_numbers(files), *same_names(files)]
    different = sum(header.placement != first.placement for header in headers)
    if different:
        notes.append(
            f"{different} of its {len(files)} pictures say that they lie on the sphere in another "
            f"way than {file_name(files[0])}, and are taken to lie as that one"
        )
    counts = Counter(note for header in headers for note in header.notes)
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
        notes += _colour_note(image.info.get("icc_profile"))
        xmp = image.info.get("xmp", b"")
        xmp = xmp.encode() if isinstance(xmp, str) else xmp
        notes += unread(xmp)
        try:
            placement = gpano_placement(xmp)
        except GPanoError as error:
            if "projection" in str(error):
                raise InputError(
                    f"{path}: its GPano metadata says {error}; give an equirectangular picture"
                ) from error
            placement = Placement()
            verb = "speaks" if str(error).startswith("of") else "says"
            notes.append(f"its GPano metadata {verb} {error}, and is ignored")
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


def _colour_note(profile: bytes | None) -> list[str]:
    """Return a note on a colour profile other than sRGB, or none."""
    if not profile:
        return []
    try:
        name = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile))).strip()
    except (ImageCms.PyCMSError, OSError, ValueError):
        name = "unreadable"
    if "srgb" in name.lower():
        return []
    return [
        f"its colour profile ({escaped(name, 60)}) is not applied: its values are taken to be sRGB"
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
        except Exception as error:  # Pillow's readers raise any exception on damage
            reason = "is empty" if _is_empty(path) else "is not a picture that can be read"
            raise _NoPictureError(
                f"{path} {reason}: give PNG, JPEG, TIFF, WebP, AVIF, BMP or PPM pictures"
            ) from error
        with image:
            if _DNG_VERSION in getattr(image, "tag_v2", ()):
                raise InputError(
                    f"{path} is a camera's raw picture (DNG), of which only a preview could be "
                    f"read: give the picture that its program makes of it"
                )
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
