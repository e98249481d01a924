"""Choose between drawing and the CPU's engine by measuring both."""

from __future__ import annotations

import logging
from collections.abc import Callable

from nerv360.decoding import Engine, picture_seconds, place_of
from nerv360.geometry import Look

log = logging.getLogger(__name__)

_PICTURES = 5
_WARM_UP = 2


class NotFasterError(RuntimeError):
    """Error: drawing is not faster."""


def faster_drawn(drawn: Callable[[], Engine], other: Callable[[], Engine]) -> Engine:
    """Return the engine of ``drawn`` if it decodes faster than the engine of ``other``.

    The shortest of a few times counts, because other work goes on meanwhile.

    Raises:
        NotFasterError: it is not faster.
        RuntimeError: nothing can be drawn.
    """
    engine, rival = drawn(), other()
    ours, theirs = _milliseconds(engine), _milliseconds(rival)
    said = (
        f"{engine.name} on {place_of(engine)} takes {ours:.1f} ms a picture, and {rival.name} on "
        f"{place_of(rival)} {theirs:.1f} ms"
    )
    if ours >= theirs:
        raise NotFasterError(said)
    log.info("%s: it decodes from now on", said)
    return engine


def _milliseconds(engine: Engine) -> float:
    looks = [Look.from_degrees(40.0 * k, 10.0 * k - 20.0) for k in range(_PICTURES)]
    picture_seconds(engine, [(look, 0) for look in looks[:_WARM_UP]])
    return 1000 * min(picture_seconds(engine, [(look, 0) for look in looks]))
