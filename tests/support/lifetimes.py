"""Lifetimes of an engine's programs and their memory."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch

from nerv360.decoding.compiled import engine as compiled
from nerv360.decoding.compiled.frames import Frames
from nerv360.decoding.compiled.program import DecoderPrograms, build_programs


class Tracked(list[weakref.ref[Any]]):
    """Weak references to modules, other parts of programs, and their tensors' memory."""

    def add(self, made: DecoderPrograms | Frames) -> None:
        """Track all that is in ``made``."""
        self._add(made, set())

    def alive(self) -> list[object]:
        """Those that were not freed."""
        return [thing for ref in self if (thing := ref()) is not None]

    def _add(self, thing: object, seen: set[int]) -> None:
        if id(thing) in seen:
            return
        seen.add(id(thing))
        if isinstance(thing, torch.Tensor):
            self.append(weakref.ref(thing.untyped_storage()))
        elif isinstance(thing, (list, tuple, dict)):
            for each in thing.values() if isinstance(thing, dict) else thing:
                self._add(each, seen)
        elif isinstance(thing, torch.nn.Module) or _is_of_decoding(thing):
            self.append(weakref.ref(thing))
            self._add(vars(thing), seen)


def _is_of_decoding(thing: object) -> bool:
    return type(thing).__module__.startswith("nerv360.decoding.") and hasattr(thing, "__dict__")


@contextmanager
def track_programs() -> Iterator[Tracked]:
    """While it is entered, programs and frames of all engines that are built are tracked."""
    tracked = Tracked()

    def build(*args: Any, **kwargs: Any) -> DecoderPrograms:
        made = build_programs(*args, **kwargs)
        tracked.add(made)
        return made

    def frames(*args: Any) -> Frames:
        made = Frames(*args)
        tracked.add(made)
        return made

    with (
        patch.object(compiled, "build_programs", build),
        patch.object(compiled, "Frames", frames),
    ):
        yield tracked
