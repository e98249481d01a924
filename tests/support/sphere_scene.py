"""A scene without a file: two decoders of the sphere that `FakeEngine` draws."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nerv360.errors import InputError
from nerv360.viewer.decode.open_scene import Cost, EngineSource, OpenScene
from tests.support.fake_engine import FakeEngine

FRAMES = 10
FPS = 10.0


def sphere_scene(*engines: Callable[[], FakeEngine], title: str = "a sphere") -> OpenScene:
    """Return the scene; each decoder has ``engines``, by default one, each a fallback."""
    makers = engines or (lambda: FakeEngine((270, 480), frames=FRAMES),)
    return OpenScene(
        title=title,
        frames=FRAMES,
        fps=FPS,
        size=(512, 1024),
        decoders=("one", "two"),
        source=lambda decoder: EngineSource(
            [_named(maker, decoder) for maker in makers],
            lambda: FakeEngine((192, 192), frames=FRAMES),
        ),
        cost=lambda decoder: Cost(270 * 480, False, 2**20),
        free_bytes=lambda: 2**30,
    )


def refuse(path: Path) -> OpenScene:
    """Load nothing.

    Raises:
        InputError: always.
    """
    raise InputError(f"{path.name} is not a scene; give a .safetensors file")


def _named(maker: Callable[[], FakeEngine], name: str) -> Callable[[], FakeEngine]:
    def make() -> FakeEngine:
        engine = maker()
        engine.name = name
        return engine

    return make
