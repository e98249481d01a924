"""Encodes pictures with a library of PyAV, for comparisons with conventional codecs."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

FORMAT = "yuv420p"


def encode(
    frames: Iterable[av.VideoFrame],
    output: Path,
    library: str,
    options: dict[str, str],
    rate: Fraction,
    **settings: Any,
) -> None:
    """Write ``frames``, in `FORMAT` and of one size, as a video.

    Size, colours and range are the first frame's.

    Args:
        library: PyAV's name of the encoder.
        options: of the encoder.
        rate: pictures a second.
        settings: attributes of the encoder's context.

    Raises:
        UnknownCodecError, FFmpegError, OSError, TypeError: it cannot be encoded or written.
    """
    os.environ.setdefault("SVT_LOG", "1")
    with av.open(str(output), "w") as container:
        stream = container.add_stream(library, rate=rate, options=options)
        if not isinstance(stream, av.VideoStream):
            raise TypeError(f"{library} encodes no video")
        context = stream.codec_context
        for name, value in settings.items():
            setattr(context, name, value)
        for index, frame in enumerate(frames):
            if index == 0:
                stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, FORMAT
                context.colorspace, context.color_range = frame.colorspace, frame.color_range
                context.color_primaries = frame.color_primaries
                context.color_trc = frame.color_trc
            frame.pts, frame.time_base = index, 1 / rate
            if index == 0:
                _open(context)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _open(context: av.VideoCodecContext) -> None:
    """Open an encoder; the scheduling of this process's threads stays.

    SVT-AV1, opened by root, makes the opening thread and its own ones real-time threads of the
    highest priority. They and every process they start would stop all others from running. The C
    library remembers this of a thread even if it is taken back, so a thread of its own opens it.
    """
    with ThreadPoolExecutor(1) as thread:
        thread.submit(context.open, strict=False).result()
    if sys.platform != "linux":
        return
    policy, priority = os.sched_getscheduler(0), os.sched_getparam(0)
    for each in Path("/proc/self/task").iterdir():
        with contextlib.suppress(ProcessLookupError):
            if os.sched_getscheduler(int(each.name)) != policy:
                os.sched_setscheduler(int(each.name), policy, priority)
