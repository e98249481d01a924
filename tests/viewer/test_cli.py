"""The command line: its exit codes, its one line for what went wrong, and `nerv360 info`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import typer

from nerv360.scene import write_scene
from nerv360.viewer import cli, failures
from nerv360.viewer.cli import main
from nerv360.viewer.commands import COMMANDS
from tests.support.scenes import CONFIGS, tiny_scene


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fly"], "No such command 'fly'"),
        (["info", "--loud"], "No such option: --loud"),
        (["view", "--yow", "3"], "No such option: --yow. Did you mean --yaw?"),
        (["viwe"], "Did you mean 'view'?"),
        (["train"], "Missing argument 'CLIP'"),
        (["info"], "either a file or --preset"),
        (["info", "a.safetensors", "--preset", "paper"], "either a file or --preset"),
        (["info", "--preset", "huge"], "--preset: the preset must be one of paper"),
    ],
)
def test_bad_usage_is_one_line_and_code_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("nerv360: ")
    assert printed.err.count("\n") == 1
    assert said in printed.err


def test_alone_it_lists_its_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "info" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_it_tells_its_version(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([option]) == 0
    assert capsys.readouterr().out.split()[0] == "nerv360"


NAMES = [c.__name__.replace("_", "-") for c in COMMANDS if not isinstance(c, typer.Typer)]


@pytest.mark.parametrize("command", ["", *NAMES, "bench", "bench gpu"])
def test_help_names_values_plainly(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command.split(), "--help"]) == 0
    page = capsys.readouterr().out
    assert not re.search(r"<(bool|str|int|float|list)|\[\[", page)
    assert not re.search(r"range \[", page)


def test_the_shell_can_complete(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "--install-completion" in capsys.readouterr().out


def test_an_interrupt_is_quiet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "app", interrupted)
    assert main(["info"]) == 130
    assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_a_reader_that_leaves_early_is_no_error() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "nerv360.viewer", "info", "--preset", "paper", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read().splitlines()
        assert [line for line in said if not line.startswith(b"info, ")] == []
    assert process.returncode == 1


def test_info_describes_a_scene(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "pier.safetensors"
    write_scene(path, tiny_scene(*CONFIGS))
    assert main(["info", str(path), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["scene"]["licence"] == "Apache-2.0"
    assert report["scene"]["bytes"] == path.stat().st_size
    assert report["scene"]["duration_s"] == pytest.approx(3 / 29.97)
    assert list(report["decoders"]) == list(CONFIGS)
    assert report["decoders"]["nerv360"]["picture_width"] == 48
    assert report["decoders"]["hnerv"]["picture_width"] == 96
    for name, decoder in report["decoders"].items():
        assert decoder["widths"] == list(CONFIGS[name].widths)
        assert decoder["weight_bytes"] == 2 * decoder["parameters"]
        assert decoder["training"]["psnr_db"] == 31.5
    assert main(["info", str(path)]) == 0
    printed = capsys.readouterr().out
    for shown in ("Pier", "A. N. Author", "pier.mp4", "29.97", "31.50 dB", "hnerv-boost"):
        assert shown in printed


def test_info_prints_names_as_they_are_and_settings_as_train_takes_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, scene = tmp_path / "a[red]b:smile:.safetensors", tiny_scene("hnerv")
    trained = scene.decoders["hnerv"].training
    # As scene files name them.
    scene.decoders["hnerv"].training = replace(trained, settings={"windows": True, "seed": 7})
    write_scene(path, replace(scene, attribution=replace(scene.attribution, title="")))
    assert main(["info", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "a[red]b:smile:.safetensors" in "".join(printed.split("\n"))
    assert re.search(r"crops +true\b", printed)
    assert "windows" not in printed


@pytest.mark.slow
def test_info_says_where_decoders_were_trained_unequally(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, scene = tmp_path / "pier.safetensors", tiny_scene("nerv360", "hnerv")
    trained = scene.decoders["hnerv"].training
    scene.decoders["hnerv"].training = replace(trained, moving_db=21.25)
    write_scene(path, scene)
    assert main(["info", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "31.50 dB PSNR, 21.25 dB where it moves" in printed
    assert "Trained unequally" not in printed
    scene.decoders["hnerv"].training = replace(trained, steps=600)
    write_scene(path, scene)
    assert main(["info", str(path)]) == 0
    assert "Trained unequally, on pictures" in capsys.readouterr().out


@pytest.mark.slow
def test_info_describes_the_paper(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--preset", "paper", "--json"]) == 0
    decoder = json.loads(capsys.readouterr().out)["decoders"]["nerv360"]
    assert decoder["widths"] == [135, 112, 93, 78, 65]
    assert decoder["parameters"] == pytest.approx(2.2e6, rel=0.03)
    assert decoder["flop_per_picture"] == pytest.approx(0.80e12, rel=0.03)
    assert main(["info", "--preset", "paper"]) == 0
    assert "135 → 112 → 93 → 78 → 65" in capsys.readouterr().out


def test_an_error_that_was_not_foreseen_is_one_line_and_its_traceback_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: object) -> None:
        raise RuntimeError("sizes\ndiffer")

    monkeypatch.setattr(cli, "app", fail)
    monkeypatch.setenv("NERV360_TRACEBACK", "0")
    file = tmp_path / "state" / "traceback.txt"
    monkeypatch.setattr(failures, "_traceback_path", lambda: file)
    what = "nerv360: something went wrong (RuntimeError: sizes); "
    assert main(["info"]) == 1
    assert capsys.readouterr().err == f"{what}the traceback is in {file}\n"
    assert "in fail" in file.read_text()
    monkeypatch.setattr(failures, "_traceback_path", lambda: Path("/dev/null/state/file"))
    assert main(["info"]) == 1
    assert capsys.readouterr().err.startswith(f"{what}with NERV360_TRACEBACK=1 the same command")
    monkeypatch.setenv("NERV360_TRACEBACK", "1")
    with pytest.raises(RuntimeError, match="differ"):
        main(["info"])
