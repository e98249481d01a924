"""Facts about OpenGL here, asked for in a process of its own: a driver may end it.

``python -m viewer.doctor.graphics DEVICE`` opens a window that is not shown, and prints one line of
JSON.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def graphics_facts(device_name: str) -> dict[str, Any]:
    """Ask OpenGL what it is.

    ``renderer`` and ``opengl`` are OpenGL's own words, ``software`` says whether a processor draws,
    and ``interop`` is None if pictures go from ``device_name`` into a texture without leaving the
    card, or else the reason why they do not.

    Raises:
        InputError: there is no display, or no OpenGL 3.3 on it.
    """
    from OpenGL import GL

    from viewer.picture import Window
    from viewer.shading import draws_in_software

    window = Window("NeRV360", 64, 64, visible=False)
    try:
        renderer = GL.glGetString(GL.GL_RENDERER).decode(errors="replace")
        return {
            "renderer": renderer,
            "opengl": GL.glGetString(GL.GL_VERSION).decode(errors="replace"),
            "software": draws_in_software(renderer),
            "interop": _refusal_of_interop(device_name),
        }
    finally:
        window.close()


def _refusal_of_interop(device_name: str) -> str | None:
    from model.devices import choose_device
    from viewer.picture import interop_refusal

    return interop_refusal(choose_device(device_name))


def main() -> None:
    """Print the facts for the device that the command line names, or why there are none."""
    from model.errors import InputError

    try:
        facts = graphics_facts(sys.argv[1])
    except InputError as error:
        facts = {"failed": str(error)}
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
