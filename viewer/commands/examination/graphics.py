"""Facts about OpenGL; a driver may crash the process that asks for them."""

from __future__ import annotations

from typing import Any

from nerv360.viewer.commands.examination.decoding import failure, small_decoder


def graphics_facts(device_name: str) -> dict[str, Any]:
    """Ask OpenGL for its properties, and draw one picture with the gl engine.

    Returns:
        ``renderer`` and ``opengl``, names given by OpenGL; ``software``, whether a processor draws;
            ``gl``, None if the gl engine decodes here, otherwise the reason; ``interop``, None if
            pictures reach a texture without leaving ``device_name``, otherwise the reason.

    Raises:
        InputError: there is no display, or no OpenGL 3.3 on it.
    """
    from OpenGL import GL

    from nerv360.devices import choose_device
    from nerv360.viewer.picture import Window, interop_refusal
    from nerv360.viewer.shading import draws_in_software

    window = Window("NeRV360", 64, 64, visible=False)
    try:
        renderer = GL.glGetString(GL.GL_RENDERER).decode(errors="replace")
        return {
            "renderer": renderer,
            "opengl": GL.glGetString(GL.GL_VERSION).decode(errors="replace"),
            "software": draws_in_software(renderer),
            "interop": interop_refusal(choose_device(device_name)),
            "gl": _refusal_to_draw(),
        }
    finally:
        window.close()


def _refusal_to_draw() -> str | None:
    import torch

    from nerv360.decoding import ENGINES
    from nerv360.viewer.shading import DRAWER

    DRAWER.attach(shares=False)
    try:
        return failure(ENGINES["gl"], small_decoder(), torch.device("cpu"))
    finally:
        DRAWER.detach()
