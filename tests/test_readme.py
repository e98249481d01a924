"""The README and the documents name what there is: keys, commands, options, files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

from viewer.cli import app
from viewer.input.keymap import KEYMAP

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
DOCUMENTS = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md")), ROOT / "assets" / "README.md"]
KEYS, COMMANDS = README.split("## Keys")[1].split("## Commands")
NAMES = {"←": "LEFT", "→": "RIGHT", "↑": "UP", "↓": "DOWN", "−": "-", "Esc": "ESCAPE"}


def commands() -> dict[str, Any]:
    group: Any = typer.main.get_command(app)
    return dict(group.commands)


def parameters(command: Any) -> list[Any]:
    """Of a command, and of the commands in it."""
    inner = getattr(command, "commands", {}).values()
    return [*command.params, *(each for one in inner for each in parameters(one))]


def keys_named() -> list[str]:
    rows = re.findall(r"^\| (.+?) \|", KEYS, re.M)[1:]
    tokens = " ".join(rows).split()
    without_comma = [t[:-1] if len(t) > 1 and t.endswith(",") else t for t in tokens]
    return [NAMES.get(t, t.upper()) for t in without_comma if t != "wheel"]


def test_every_key_named_exists_and_every_action_has_one() -> None:
    actions = {key: binding.action for binding in KEYMAP for key in binding.keys}
    named = keys_named()
    assert [key for key in named if key not in actions] == []
    assert {actions[key] for key in named} == set(actions.values())


def test_every_command_is_in_the_table_and_every_one_in_the_table_exists() -> None:
    table = re.findall(r"^\| `nerv360 ([a-z-]+)", COMMANDS, re.M)
    assert set(table) == set(commands())


def test_every_option_named_exists() -> None:
    every = [each for command in commands().values() for each in parameters(command)]
    known = {"--help", *(option for each in every for option in each.opts)}
    spans = " ".join(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", README, flags=re.S)))
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", spans))
    assert named
    assert named - known == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_to_files_and_paths_of_code_exist(document: Path) -> None:
    text = document.read_text()
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    assert [link for link in links if not (document.parent / link).exists()] == []
    code = re.findall(r"(?<![\w./-])(?:model|viewer|tests|shaders)/[\w/]+(?:\.\w+)?", text)
    assert [path for path in code if not (ROOT / path).exists()] == []
