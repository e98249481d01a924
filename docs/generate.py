"""Write the pages that follow from the code: keys.md, commands.md and settings.md.

``make docs`` runs it, and a test compares the pages with what it would write.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import textwrap
from pathlib import Path
from typing import Any

import typer

from nerv360.config import ModelConfig
from nerv360.networks import ARCHITECTURES
from nerv360.training import TRAINING_PRESETS, TrainingSettings
from nerv360.viewer.cli import app
from nerv360.viewer.input import KEYMAP
from nerv360.viewer.panels import key_label

FOLDER = Path(__file__).parent
_WIDTH = 120
_NOTE = "<!-- Written by `make docs`; change the code instead. -->"


def pages() -> dict[str, str]:
    """Return the content of each page, by its file name."""
    return {"keys.md": keys(), "commands.md": commands(), "settings.md": settings()}


def keys() -> str:
    """Return the page of the window's keys."""
    rows = [
        f"| {' '.join(_code(key_label(key)) for key in binding.keys)} | {binding.text} |"
        for binding in KEYMAP
    ]
    return _page(
        "Keys",
        "Drag to look around: the point under the cursor stays under it. The wheel zooms, the "
        "right mouse button opens a menu of everything below.",
        "![The menu over the demo scene](menu.jpg)",
        "Scenes, clips and gaze paths dropped on the window open, scenes first. A clip dropped on "
        "its own scene is put beside it, as one more decoder of Tab and C.",
        "\n".join(["| key | what it does |", "|---|---|", *rows]),
        "The page in a browser has these keys, too, except those for comparing (C, X), "
        "files, screenshots, copies, settings and the menu. N, not Tab, switches to the "
        "next decoder.",
        "C puts two decoders side by side, at the same look and frame; the divider can be dragged. "
        "HNeRV and HNeRV-Boost decode whole frames there; a button beside the divider lets them "
        "decode only the crop that the look sees. "
        "X needs the original beside the scene (`view SCENE --video CLIP`) and shows differences 8 "
        "times as large.",
        "![The split view: NeRV360 on the left, HNeRV-Boost on the right](split.png)",
        "P shows how the picture is made up, if the scene has a still panorama: first the decoded "
        "picture alone, then its share, which is white where the decoded picture covers the still "
        "panorama.",
    )


def commands() -> str:
    """Return the page of every command and its options."""
    group: Any = typer.main.get_command(app)
    parts = []
    for name, command in group.commands.items():
        nested = getattr(command, "commands", {})
        parts.append(_command(f"nerv360 {name}", command))
        parts += [_command(f"nerv360 {name} {n}", c) for n, c in nested.items()]
    return _page("Commands", "`nerv360 COMMAND --help` prints the same.", *parts)


def settings() -> str:
    """Return the page of every name that ``train --set NAME=VALUE`` takes."""
    parts = []
    for title, kind, presets in (
        ("The network", ModelConfig, ARCHITECTURES["nerv360"].presets),
        ("The training", TrainingSettings, TRAINING_PRESETS),
    ):
        described = _attributes(kind)
        head = ["name", *(f"`{name}`" for name in presets), "meaning"]
        rows = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
        for field in dataclasses.fields(kind):
            values = [_value(getattr(preset, field.name)) for preset in presets.values()]
            rows.append(f"| `{field.name}` | {' | '.join(values)} | {described[field.name]} |")
        parts.append(f"## {title}\n\n" + "\n".join(rows))
    return _page(
        "Settings",
        "`train --set NAME=VALUE` changes any of these. The columns are the values of NeRV360's "
        "presets. A list is written with commas, such as `--set strides=3,2,2,2`; `true` and "
        "`false` switch.",
        "For each clip preset `demo` chooses `still_panorama`, `level_channels` and "
        "`looks_at_motion` itself, and says so. NeRV360 then projects after all stages "
        "(`project_after`); 0 is the paper's order. `--set` overrides each of these.",
        *parts,
    )


def _page(title: str, introduction: str, *parts: str) -> str:
    paragraphs = [
        "\n".join(textwrap.wrap(part, _WIDTH)) if "|" not in part and "##" not in part else part
        for part in (introduction, *parts)
    ]
    return "\n\n".join([f"# {title}", _NOTE, *paragraphs]) + "\n"


def _command(name: str, command: Any) -> str:
    context = typer.Context(command, info_name=name)
    rows = []
    for param in command.get_params(context):
        if param.name == "help":
            continue
        if param.param_type_name == "argument":
            written = _code(param.metavar)
        else:
            names = ", ".join(_code(option) for option in (*param.opts, *param.secondary_opts))
            written = f"{names} {param.metavar}".rstrip()
        default = param.default
        shown = default not in (None, False, True, "") and not callable(default)
        text = (param.help or "") + (f" Default: {_code(str(default))}." if shown else "")
        rows.append(f"| {_cell(written)} | {_cell(text)} |")
    help_text = inspect.cleandoc(command.help or "")
    paragraphs = ["\n".join(textwrap.wrap(p, _WIDTH)) for p in help_text.split("\n\n")]
    table = ["| option | meaning |", "|---|---|", *rows] if rows else []
    return "\n\n".join(filter(None, [f"## `{name}`", *paragraphs, "\n".join(table)]))


def _attributes(kind: type) -> dict[str, str]:
    """Return the meaning of each attribute, by its name, from a class's docstring."""
    text = inspect.getdoc(kind) or ""
    block = text.split("Attributes:\n", 1)[1].split("\n\n")[0]
    described: dict[str, str] = {}
    for entry in re.split(r"\n    (?=\w)", "\n" + block):
        names, _, meaning = " ".join(entry.split()).partition(": ")
        for name in filter(None, names.split(", ")):
            described[name] = _cell(meaning.replace("``", "`"))
    return described


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "none"
    return str(value).lower() if isinstance(value, bool) else f"{value}"


def _code(text: str) -> str:
    return f"`{text}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    for name, content in pages().items():
        (FOLDER / name).write_text(content, encoding="utf-8")
