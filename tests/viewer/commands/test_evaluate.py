"""``nerv360 evaluate`` from end to end: a report, the same numbers again, and work that is kept."""

from __future__ import annotations

import csv
import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from nerv360.decoding import open_engine
from nerv360.geometry import Look
from nerv360.lab.evaluation.measure import measure_path
from nerv360.metrics.similarity import cut_viewport, psnr_8bit
from nerv360.scene import FingerprintMaker, read_scene, write_scene
from nerv360.video import open_clip
from nerv360.video.writing import VideoWriter
from nerv360.viewer.cli import main
from tests.support.scenes import tiny_scene
from tests.support.spheres import smooth_sphere

FRAMES = 3
SUMMARY = "summary.csv"
GAZE = "time_s,frame,yaw_deg,pitch_deg,roll_deg,hfov_deg\n" + "".join(
    f"{k / 29.97},{frame},{170 + 10 * k},{k},{5 * k},{60 + k}\n"
    for k, frame in enumerate([2, 2, 0, 1, 1])
)


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a scene, the clip it could have been trained on, and a recorded path."""
    folder = tmp_path_factory.mktemp("material")
    for name, phase in (("pier.mp4", 0.0), ("other.mp4", 1.5)):
        with VideoWriter(folder / name, 96, 48, 29.97, crf=8) as clip:
            for index in range(FRAMES + 1):
                clip.write(smooth_sphere(48, 96, phase=phase + index / 3))
    scene = tiny_scene("nerv360", "hnerv", frames=FRAMES)
    maker = FingerprintMaker(FRAMES)
    for index, picture in enumerate(open_clip(folder / "pier.mp4")):
        maker.see(index, picture)
    scene.fingerprint = maker.fingerprint
    longer = replace(scene.decoders["hnerv"].training, steps=6000, seconds=75.0)
    scene.decoders["hnerv"].training = longer
    write_scene(folder / "pier.safetensors", scene)
    (folder / "gaze.csv").write_text(GAZE)
    return folder


def evaluate(material: Path, report: Path, *options: str) -> int:
    return main(
        [
            "evaluate",
            str(material / "pier.safetensors"),
            "--video",
            str(material / "pier.mp4"),
            "--trajectory",
            str(material / "gaze.csv"),
            "-o",
            str(report),
            "--sphere-frames",
            "2",
            *options,
        ]
    )


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


def results(report: Path) -> dict[str, object]:
    return {f.name: json.loads(f.read_text()) for f in sorted((report / "results").iterdir())}


@pytest.fixture(scope="module")
def report(material: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "report"
    options = ["--trajectory", "jvet:landing-vp1", "--codec", "x265", "--film"]
    assert evaluate(material, folder, *options) == 0
    return folder


@pytest.mark.slow
def test_each_number_is_the_pictures_own(material: Path, report: Path) -> None:
    table = rows(report / "pictures.csv")
    counts = {(row["decoder"], row["path"]) for row in table}
    assert counts == {(d, p) for d in ("nerv360", "hnerv", "x265") for p in ("gaze", "landing-vp1")}
    assert len(table) == 3 * (5 + FRAMES)
    scene = read_scene(material / "pier.safetensors")
    original = list(open_clip(material / "pier.mp4"))
    along = [row for row in table if row["path"] == "gaze"]
    assert [int(row["frame"]) for row in along[:5]] == [2, 2, 0, 1, 1]
    for row in along:
        frame = int(row["frame"])
        look = Look.from_degrees(float(row["yaw_deg"]), float(row["pitch_deg"]))
        wanted = cut_viewport(original[frame], look, 24, 48)
        if row["decoder"] == "nerv360":
            engine = open_engine(scene, "nerv360", "cpu")
            shown = engine.decode(look, frame).pixels[..., :3]
        elif row["decoder"] == "hnerv":
            whole = open_engine(scene, "hnerv", "cpu").decode(look, frame).pixels[..., :3]
            shown = cut_viewport(whole, look, 24, 48)
        else:
            continue
        assert float(row["psnr_db"]) == pytest.approx(psnr_8bit(shown, wanted), abs=0.02)


@pytest.mark.slow
def test_evaluated_twice_the_numbers_are_the_same(
    material: Path, report: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again"
    assert evaluate(material, again, "--decoder", "nerv360") == 0
    first = [r for r in rows(report / "pictures.csv") if r["decoder"] == "nerv360"]
    assert rows(again / "pictures.csv") == [r for r in first if r["path"] == "gaze"]
    spheres = [r for r in rows(report / "spheres.csv") if r["decoder"] == "nerv360"]
    assert rows(again / "spheres.csv") == spheres


@pytest.mark.slow
def test_what_is_measured_is_kept_and_what_is_broken_is_measured_again(
    material: Path, report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = results(report)
    path_file = next(f for f in (report / "results").iterdir() if f.name.startswith("hnerv-gaze"))
    path_file.write_text('{"key": ')
    measured = []

    def counting(*arguments: Any) -> Any:
        measured.append(arguments[1])
        return measure_path(*arguments)

    monkeypatch.setattr("nerv360.lab.evaluation.run.measure_path", counting)
    options = ["--trajectory", "jvet:landing-vp1", "--codec", "x265"]
    assert evaluate(material, report, *options) == 0
    assert measured == ["gaze"]
    assert results(report) == before


@pytest.mark.slow
def test_the_report_stands_alone(report: Path) -> None:
    page = (report / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 4
    assert page.count("data:image/jpeg;base64,") == 2 + 2 * 7
    references = re.findall(r'(?:src|href)\s*=\s*"([^"]{0,20})', page)
    assert references
    assert all(reference.startswith("data:image/") for reference in references)
    assert not re.search(r"https?://|@import|<script|url\(", page)
    for word in (
        "nerv360",
        "hnerv",
        "x265",
        "landing-vp1",
        "Pier",
        "Apache-2.0",
        "Shimmer",
        "the pictures that the",
    ):
        assert word in page


@pytest.mark.slow
def test_the_report_begins_with_pictures_and_three_sentences(report: Path) -> None:
    page = (report / "report.html").read_text()
    opening = page[: page.index("<h2>Summary")]
    assert opening.index("The original") < opening.index("Decoded by nerv360")
    found = re.search(r"<p>(Along 2 gaze paths [^<]*)</p>", opening)
    assert found
    first, second, third = re.split(r"(?<=[a-zB])\. |(?<=\d)\. ", found[1])
    table = {row["decoder"]: row for row in rows(report / SUMMARY)}
    for name, row in table.items():
        assert f"{name} {float(row['PSNR dB']):.1f} dB" in first
        assert f"{name} " in second
        assert f"{name} {row['MB']} MB" in third


@pytest.mark.slow
def test_how_long_each_was_trained_stands_beside_its_quality(report: Path) -> None:
    table = {row["decoder"]: (row["steps"], row["training s"]) for row in rows(report / SUMMARY)}
    assert table == {"nerv360": ("6", "12"), "hnerv": ("6000", "75"), "x265": ("–", "–")}
    page = (report / "report.html").read_text()
    assert "<th>steps<th>training s" in page
    assert "Trained unequally, on pictures (steps by pictures a step): nerv360 6, hnerv 6," in page


@pytest.mark.slow
def test_quality_where_it_moves_stands_in_every_table(report: Path) -> None:
    for row in rows(report / SUMMARY):
        along = [r for r in rows(report / "pictures.csv") if r["decoder"] == row["decoder"]]
        pixels = [int(r["moving_pixels"]) for r in along]
        assert 0 < sum(pixels) < 24 * 48 * len(along)
        squares = [
            n * 10 ** (-float(r["moving_db"]) / 10) for n, r in zip(pixels, along, strict=True) if n
        ]
        wanted = -10 * math.log10(sum(squares) / sum(pixels))
        assert float(row["moving dB"]) == pytest.approx(wanted, abs=0.006)
    for sphere in rows(report / "spheres.csv"):
        assert 0 < float(sphere["moving_ws_psnr_db"]) < 100
    assert "PSNR in dB where it moves" in (report / "report.html").read_text()


@pytest.mark.slow
def test_the_tables_fit_a_narrow_terminal(
    material: Path, report: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--trajectory", "jvet:landing-vp1", "--codec", "x265"]
    assert evaluate(material, report, *options) == 0
    said = capsys.readouterr().out
    assert "…" not in said
    for word in ("moving", "WS-PSNR", "shimmer", "Trained unequally", "landing-vp1"):
        assert word in said


@pytest.mark.slow
def test_the_films_show_three_panes(report: Path) -> None:
    films = sorted((report / "films").iterdir())
    assert len(films) == 6
    info = open_clip(report / "films" / "nerv360-gaze.mp4").info
    assert (info.width, info.height, info.frames) == (3 * 48, 24 + 28, 5)


@pytest.mark.slow
def test_speed_and_memory_are_measured(report: Path) -> None:
    for row in rows(report / "summary.csv"):
        assert float(row["FPS"]) > 0
        assert float(row["memory MiB"]) >= 0


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--decoder", "avc"], "has no decoder avc, only nerv360"),
        (["--codec", "mpeg2"], "--codec mpeg2: give x265 or av1"),
        (["--codec", "x265", "--codec", "x265"], "--codec x265 is given twice"),
        (["--trajectory", "none.csv"], "--trajectory: none.csv does not exist"),
        (["--trajectory", "{material}/gaze.csv"], "a path gaze is given already"),
        (["--gaze-format", "jin2022"], "is not jin2022: "),
        (["--gaze-format", "nerv360", "--gaze-format", "jvet"], "is given 2 times for 1 paths"),
        (["--video", "{material}/none.mp4"], "none.mp4 does not exist"),
        (["--video", "{material}/gaze.csv"], "gaze.csv"),
        (["--video", "{material}/small.mp4"], "is 48x24 but"),
        (["--video", "{material}/short.mp4"], "has 1 pictures but"),
        (["--video", "{material}/other.mp4"], "other.mp4 shows other pictures than"),
        (["-o", "{material}"], "is not empty and holds no report"),
        (["-o", "{material}/gaze.csv"], "is a file: name a folder"),
        (["--size", "big"], "--size big"),
        (["--sphere-frames", "0"], "--sphere-frames"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    material: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    sentence: str,
) -> None:
    for name, width in (("small.mp4", 48), ("short.mp4", 96)):
        if not (material / name).exists():
            with VideoWriter(material / name, width, width // 2, 30) as clip:
                clip.write(torch.zeros(width // 2, width, 3, dtype=torch.uint8))
    folder = tmp_path / "report"
    filled = [option.format(material=material) for option in options]
    assert evaluate(material, folder, *filled) == 2
    error = capsys.readouterr().err
    assert sentence in error.splitlines()[-1]
    assert error.splitlines()[-1].startswith("nerv360: ")
    assert "Traceback" not in error
    assert not folder.exists()
