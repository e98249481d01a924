"""``--set NAME=VALUE``: every number of a preset can be changed from the command line."""

from __future__ import annotations

import dataclasses
from typing import Any

from model.config import ModelConfig
from model.errors import InputError
from model.training.settings import TrainingSettings


def apply_overrides(
    config: ModelConfig, settings: TrainingSettings, assignments: list[str]
) -> tuple[ModelConfig, TrainingSettings]:
    """Both with the fields named in ``assignments`` ("name=value", lists comma-separated) changed.

    Raises:
        InputError: an assignment is malformed, names no field, or its value does not fit.
    """
    network: dict[str, Any] = {}
    training: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise InputError(f"--set {assignment}: write it as NAME=VALUE")
        for owner, changes in ((config, network), (settings, training)):
            if name in {field.name for field in dataclasses.fields(owner)}:
                changes[name] = _parsed(name, text, getattr(owner, name))
                break
        else:
            known = [f.name for o in (config, settings) for f in dataclasses.fields(o)]
            raise InputError(f"--set {name}: there is no such number; known are {', '.join(known)}")
    return config.replace(**network), dataclasses.replace(settings, **training)


def _parsed(name: str, text: str, present: Any) -> Any:
    try:
        if isinstance(present, bool):
            return {"true": True, "false": False}[text.lower()]
        if isinstance(present, tuple):
            return tuple(int(item) for item in text.split(","))
        return type(present)(text)
    except (ValueError, KeyError):
        kind = {bool: "true or false", tuple: "whole numbers with commas", int: "a whole number"}
        wanted = kind.get(type(present), "a number")
        raise InputError(f"--set {name}: needs {wanted}, not {text!r}") from None
