"""README and documents name only keys, commands, settings, files and numbers that exist."""

from __future__ import annotations

import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from nerv360.config import ModelConfig
from nerv360.training import TrainingSettings
from nerv360.viewer.cli import app
from nerv360.viewer.input.keymap import KEYMAP
from nerv360.viewer.panels import key_label

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
HISTORY = ROOT / "docs" / "changelog.md"
DOCUMENTS = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md")), ROOT / "assets" / "README.md"]
every_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix()
)
BLOCK = re.compile(r"^```\w*\n(.*?)^```|((?:^ {4}\S.*\n)+)", re.M | re.S)
SPAN = re.compile(r"`([^`]+)`")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
NUMBER = re.compile(
    r"\d[\d,.]*(?: (?:to|and) \d[\d,.]*)? "
    r"(?:ms|s|min|h|dB|[KMG]iB|[kMG]B|pictures/s|times|%)(?!\w)"
)
PLAIN_MOUSE = {"drag", "arrows", "wheel", "right button"}


def command_tree() -> dict[str, Any]:
    """Return every command and group of commands by its words, such as ``bench gpu``."""
    group: Any = typer.main.get_command(app)
    commands: dict[str, Any] = {}
    for name, command in group.commands.items():
        inner = getattr(command, "commands", {})
        commands |= {f"{name} {nested}": each for nested, each in inner.items()}
        commands[name] = command
    return commands


COMMANDS = command_tree()
EVERY_OPTION = {"--help", "--version", "--install-completion"} | {
    option
    for each in COMMANDS.values()
    for param in each.params
    for option in (*param.opts, *param.secondary_opts)
}


def options_of(command: Any) -> set[str]:
    return {"--help"} | {
        option for param in command.params for option in (*param.opts, *param.secondary_opts)
    }


def spans(text: str) -> list[str]:
    return [" ".join(span.split()) for span in SPAN.findall(BLOCK.sub("", text))]


def command_lines(text: str) -> Iterator[str]:
    """Yield what follows ``nerv360`` in each line of a code block and in each span."""
    blocks = "\n".join(fenced or indented for fenced, indented in BLOCK.findall(text))
    lines = [*blocks.replace("\\\n", " ").splitlines(), *spans(text)]
    for line in lines:
        for part in re.split(r"&&|;| #", line):
            words = part.split()
            if "nerv360" in words[:5] and words[0] != "#":  # ``taskset -c 0 nerv360 …``
                yield " ".join(words[words.index("nerv360") + 1 :])


def named_command(line: str) -> tuple[str, str]:
    """Split a command line into the longest command that it begins with, and the rest."""
    words = line.split()
    for length in (2, 1):
        name = " ".join(words[:length])
        if name in COMMANDS:
            return name, " ".join(words[length:])
    return "", line


def faults_of_commands(text: str) -> list[str]:
    """Return commands and options in ``text`` that do not exist."""
    faults = []
    for line in command_lines(text):
        name, rest = named_command(line)
        if not name:
            known = re.match(r"COMMAND\b|--(version|help|install-completion)\b|-V\b|$", line)
            faults += [] if known else [f"no command: nerv360 {line}"]
            continue
        known_options = options_of(COMMANDS[name])
        unknown = [o for o in OPTION.findall(rest) if o not in known_options]
        faults += [f"nerv360 {name} has no {option}" for option in unknown]
    for span in spans(text):
        if span.startswith("--"):
            faults += [f"no option {o}" for o in OPTION.findall(span) if o not in EVERY_OPTION]
    return faults


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 90
    assert len(README.split()) <= 700


def test_every_key_of_the_readme_exists_and_there_are_eight_rows() -> None:
    section = README.split("## Keys")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \|", section, re.M)[1:]
    rows = [row for row in rows if not row.startswith("---")]
    labels = {key_label(key) for binding in KEYMAP for key in binding.keys}
    assert [key for row in rows for key in SPAN.findall(row) if key not in labels] == []
    others = {word.strip() for row in rows for word in SPAN.sub("", row).split(",")} - {""}
    assert others <= PLAIN_MOUSE
    assert len(rows) <= 8


@every_document
def test_commands_and_options_exist(document: Path) -> None:
    if document == HISTORY:  # names what is gone, too
        pytest.skip("the changelog names options of the past")
    assert faults_of_commands(document.read_text()) == []


@pytest.mark.parametrize(
    "text",
    [
        "`nerv360 look`",
        "`--wobble`",
        "`nerv360 view --epochs 3`",
        "```\nnerv360 train clip.mp4 \\\n  --wobble 1\n```",
        "```\nmake view && nerv360 bench gpu --table 1\n```",
        "    nerv360 train small.mp4 --wobble\n",
    ],
)
def test_each_fault_of_a_command_is_found(text: str) -> None:
    assert len(faults_of_commands(text)) == 1


@every_document
def test_settings_and_targets_of_make_exist(document: Path) -> None:
    text = document.read_text()
    names = {*ModelConfig.__dataclass_fields__, *TrainingSettings.__dataclass_fields__}
    named = re.findall(r"--set (\w+)=", text)
    assert [name for name in named if name not in {*names, "NAME"}] == []
    targets = re.findall(r"^([a-z-]+):(?!=)", (ROOT / "Makefile").read_text(), re.M)
    code = [*spans(text), *"\n".join(a or b for a, b in BLOCK.findall(text)).splitlines()]
    made = [words[1] for words in map(split, code) if len(words) > 1 and words[0] == "make"]
    assert [target for target in made if target not in targets] == []


def split(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        return []


@every_document
def test_links_lead_to_files_and_headings(document: Path) -> None:
    faults = []
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if re.match(r"https?:", link):
            continue
        file, _, anchor = link.partition("#")
        target = document.parent / file if file else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            faults.append(link)
    assert faults == []


def anchors(document: Path) -> set[str]:
    """Return the names that GitHub gives the headings of a document."""
    headings = re.findall(r"^#+ (.+)", document.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


@every_document
def test_paths_and_names_of_code_exist(document: Path) -> None:
    text = document.read_text()
    paths = re.findall(r"(?<![\w./-])(?:model|viewer|tests|shaders|docs)/[\w/]+(?:\.\w+)?", text)
    assert [path for path in paths if not (ROOT / path).exists()] == []
    names = [span for span in spans(text) if re.fullmatch(r"(?:model|viewer)(?:\.\w+)+", span)]
    assert [name for name in names if not exists(name)] == []


def exists(name: str) -> bool:
    """Tell whether a dotted name is a module, or an attribute of one."""
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        owner, _, attribute = name.rpartition(".")
        return "." in name and hasattr(importlib.import_module(owner), attribute)
    return True


def test_every_number_of_the_readme_is_a_result() -> None:
    results = " ".join((ROOT / "docs" / "results.md").read_text().split())
    numbers = NUMBER.findall(" ".join(README.split()))
    assert len(numbers) >= 6
    known = set(re.findall(r"\d[\d,.]*\d|\d", results))
    for number in numbers:
        unit = number.split()[-1]
        values = re.findall(r"\d[\d,.]*\d|\d", number)
        assert all(value in known for value in values), number
        assert f"{values[-1]} {unit}" in results, number
