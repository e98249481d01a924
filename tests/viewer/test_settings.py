from __future__ import annotations

import os
from pathlib import Path

import platformdirs
import pytest

from nerv360.viewer.settings import Settings, load_settings, save_settings, settings_path

CHOSEN = Settings(inertia=False, overlay=False, loop=False, speed=0.5, width=900, height=600)


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "new" / "settings.json"
    save_settings(path, CHOSEN)
    assert load_settings(path) == CHOSEN
    assert [p.name for p in path.parent.iterdir()] == ["settings.json"]


def test_the_first_start_has_defaults_and_says_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert load_settings(tmp_path / "none.json") == Settings()
    assert not caplog.records


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"speed": "fast"}',
        '{"speed": 0}',
        '{"speed": NaN}',
        '{"speed": true}',
        '{"inertia": 1}',
        '{"width": -5}',
        '{"height": 1e300}',
        '{"width": 1280.5}',
        "[" * 100_000,
        "\udcff".encode("utf-8", "surrogateescape").decode("latin-1"),
    ],
)
def test_a_broken_file_means_defaults_and_a_line_in_the_log(
    text: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "settings.json"
    path.write_text(text, encoding="latin-1")
    assert load_settings(path) == Settings()
    assert len(caplog.records) == 1
    assert str(path) in caplog.text


def test_settings_of_other_versions_are_read_as_far_as_they_are_known(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"speed": 2, "hologram": true}')
    assert load_settings(path) == Settings(speed=2)


def test_a_place_that_cannot_be_written_is_a_line_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("not a folder")
    save_settings(tmp_path / "file" / "settings.json", CHOSEN)
    assert len(caplog.records) == 1


def test_what_cannot_be_used_costs_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"speed": 2, "width": 20480, "loop": 3}')
    assert load_settings(path) == Settings(speed=2)
    (record,) = caplog.records
    assert "width is 20480, not 480 to 16384" in record.getMessage()
    assert "loop is 3" in record.getMessage()


def test_a_user_without_a_home_gets_defaults_and_a_line_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def homeless(name: str) -> Path:
        raise RuntimeError("could not determine the home directory for '~/.config'")

    monkeypatch.setattr(platformdirs, "user_config_path", homeless)
    assert load_settings(settings_path()) == Settings()
    assert len(caplog.records) == 1
    save_settings(settings_path(), CHOSEN)


def test_a_file_that_cannot_be_replaced_leaves_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "settings.json"
    path.mkdir()
    save_settings(path, CHOSEN)
    assert [it.name for it in tmp_path.iterdir()] == ["settings.json"]
    assert len(caplog.records) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")
def test_a_pipe_a_device_and_a_folder_are_not_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pipe, device, folder, huge = (tmp_path / n for n in ("pipe", "device", "folder", "huge"))
    os.mkfifo(pipe)
    device.symlink_to("/dev/zero")
    folder.mkdir()
    huge.write_bytes(b" " * (2**20 + 1))
    for path in (pipe, device, folder, huge):
        caplog.clear()
        assert load_settings(path) == Settings()
        assert len(caplog.records) == 1
        assert f"{path} is ignored, and the defaults are used: it is" in caplog.text
        save_settings(path, CHOSEN)
        assert path.is_dir() or load_settings(path) == CHOSEN
