"""A screen for the steps that open a window: the user's own, or a virtual one."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

LACKING = "there is neither a display nor Xvfb (Debian and Ubuntu: apt-get install xvfb)"
_SIZE = "2560x1440x24"
_UNTIL_STDIN_ENDS = 'Xvfb "$@" & read -r _; kill $!'
"""A server that also ends if the report is killed."""


@contextmanager
def screen() -> Iterator[Mapping[str, str] | None]:
    """Yield the environment of processes that open windows, or None without a screen.

    It is the user's own if there is a display, and an Xvfb that ends with the context otherwise.
    """
    own = {**os.environ}
    if own.get("DISPLAY") or own.get("WAYLAND_DISPLAY"):
        yield own
        return
    if shutil.which("Xvfb") is None:
        yield None
        return
    reading, writing = os.pipe()
    options = ["-displayfd", str(writing), "-screen", "0", _SIZE, "-nolisten", "tcp", "-noreset"]
    with subprocess.Popen(
        ["sh", "-c", _UNTIL_STDIN_ENDS, "sh", *options],
        pass_fds=[writing],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        process_group=0,  # otherwise Ctrl-C would reach Xvfb before the report
    ):
        os.close(writing)
        with os.fdopen(reading) as answer:
            number = answer.readline().strip()
        yield {**own, "DISPLAY": f":{number}"} if number else None


def drawn_by(environment: Mapping[str, str], *, cuda: bool) -> list[Mapping[str, str]]:
    """Return the environments to try on a screen, in order.

    A user's own display is taken as it is. A virtual one is drawn by an NVIDIA card if there is
    one, or else by the processor.
    """
    if environment.get("DISPLAY") == os.environ.get("DISPLAY"):
        return [environment]
    by_card = {**environment, "__GLX_VENDOR_LIBRARY_NAME": "nvidia"}
    by_processor = {**environment, "LIBGL_ALWAYS_SOFTWARE": "1"}
    return [by_card, by_processor] if cuda else [by_processor]
