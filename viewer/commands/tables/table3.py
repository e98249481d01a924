"""``nerv360 bench --table 3``: quality against bytes, networks beside codecs."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nerv360.progress import stage
from nerv360.text import escaped
from nerv360.viewer.commands.options import device_option, for_option, say_notes

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from nerv360.video import Clip

Values = dict[str, Any]

PATHS = ("balboa-vp0", "brancastle-vp0", "broadway-vp0", "landing-vp0")
"""The first of JVET's paths for each of its sequences."""
_APART = {
    "below": "are all below x265's",
    "above": "are all above x265's",
    "flat": "are too close to each other to compare",
}


def bench_table3(
    read: Callable[[], Clip],
    preset: str | None,
    scale_text: str,
    device: str,
    epochs: int | None,
    frame_limit: int | None,
) -> tuple[Values, bool]:
    """Encode, train, print, and return the content of the JSON and whether it has all rows."""
    from rich.console import Console

    from nerv360.lab.benchmarks import (
        brief_training,
        check_training_memory,
        machine_facts,
        parse_scale,
    )
    from nerv360.lab.evaluation import CODECS
    from nerv360.lab.rates import (
        TABLE3_EPOCHS,
        PathBench,
        compared,
        measure_rates,
        network_variants,
        planned_units,
        prepared_clip,
        scaled_presets,
    )
    from nerv360.training import read_clip
    from nerv360.trajectories import read_trajectory
    from nerv360.video import open_clip
    from nerv360.viewer.commands.terminal import StopOnInterrupt

    with for_option("--scale"):
        scale = parse_scale(scale_text)
    chosen = device_option(device)
    name = preset or ("demo" if chosen.type == "cpu" else "paper")
    with for_option("--preset"):
        configs, presets = scaled_presets(name, scale)
    trainings = {each: brief_training(s, epochs or TABLE3_EPOCHS) for each, s in presets.items()}
    clip = read()
    say_notes(clip)
    info = clip.info
    count = min(info.frames, frame_limit or info.frames)
    with for_option("--scale"):
        for config in configs.values():
            check_training_memory(config, count, chosen)
    base = configs["nerv360"]
    frame, viewport = (
        (base.frame_height, base.frame_width),
        (base.viewport_height, base.viewport_width),
    )
    console = Console()
    rows: list[Values] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        StopOnInterrupt() as stop,
        stage("reading the clip") as shown,
    ):
        file = Path(folder) / f"{clip.path.stem or 'clip'}.mp4"
        prepared_clip(clip, frame, frame_limit, file)
        bench = PathBench(
            file, viewport, base.hfov_deg, [read_trajectory(f"jvet:{path}") for path in PATHS]
        )
        frames = read_clip(open_clip(file), frame)
        variants = network_variants(configs, trainings, frames)
        shown.become("measuring", 0, planned_units(bench, variants))

        def show(label: str) -> None:
            shown.describe(label)
            shown.advance()

        for curve in measure_rates(bench, variants, frames, chosen, show, stop):
            rows.append(curve.to_dict())
            if not console.is_terminal:
                best = max(curve.points, key=lambda point: point.psnr_db)
                print(f"{curve.title}: {best.bytes:,} bytes, {best.psnr_db:.2f} dB", flush=True)
        wanted = [*CODECS, *(variant.name for variant in variants)]
    complete = len(rows) == len(wanted)
    report = {
        "table": 3,
        "preset": name,
        "scale": str(scale),
        **machine_facts(chosen),
        "clip": clip.path.name,
        "frames": len(frames),
        "fps": info.fps,
        "frame": list(frame),
        "viewport": list(viewport),
        "hfov_deg": base.hfov_deg,
        "paths": list(PATHS),
        "epochs": trainings["nerv360"].epochs,
        "methods": wanted,
        "complete": complete,
        "rows": compared(rows),
    }
    _print(console, report)
    return report, complete


def _print(console: Console, report: Values) -> None:
    from nerv360.lab.benchmarks import facts_line
    from nerv360.lab.rates import METRICS, verdicts
    from nerv360.viewer.commands.terminal import plain_table

    rows = report["rows"]
    height, width = report["frame"]
    console.print(
        f"Table 3, preset {report['preset']} at {report['scale']} of the sides ({width}x{height}), "
        f"{report['frames']} frames of {escaped(report['clip'])}",
        facts_line(report),
        sep="\n",
        highlight=False,
        markup=False,
    )
    points = [
        ["" if number else row["title"], *_point(point)]
        for row in rows
        for number, point in enumerate(row["points"])
    ]
    costs = [
        [
            row["title"],
            "–" if row["parameters"] is None else f"{row['parameters'] / 1e6:.3f} M",
            "–" if row["steps"] is None else f"{row['steps']:,}",
            f"{row['seconds']:.0f}",
            *(_difference(row["rate_difference"][metric]) for metric in METRICS),
        ]
        for row in rows
    ]
    head = ["", "", "kB", "PSNR dB", "moving dB"]
    console.print(plain_table(head, points))
    head = ["bytes at equal quality", "parameters", "steps", "seconds", *METRICS.values()]
    console.print(plain_table(head, costs))
    for line in [*verdicts(rows), *_apart(rows), *_notes(report)]:
        console.print(line, highlight=False)
    if not report["complete"]:
        wanted = len(report["methods"])
        console.print(f"stopped early: {len(rows)} of {wanted} methods are finished")


def _point(point: Values) -> list[str]:
    moving = point["moving_db"]
    return [
        point["setting"],
        f"{point['bytes'] / 1000:.1f}",
        f"{point['psnr_db']:.2f}",
        "–" if moving is None else f"{moving:.2f}",
    ]


def _difference(difference: Values | None) -> str:
    from nerv360.lab.rates import in_words

    if difference is None:
        return "–"
    percent = difference["percent"]
    return difference["apart"] if percent is None else in_words(percent)


def _apart(rows: list[Values]) -> list[str]:
    """Return a line for each method and metric whose qualities do not overlap with x265's."""
    from nerv360.lab.rates import METRICS

    lines = []
    for row in rows:
        for metric, where in METRICS.items():
            difference = row["rate_difference"][metric]
            if difference is not None and difference["percent"] is None:
                low, high = difference["low_db"], difference["high_db"]
                apart = _APART[difference["apart"]]
                title = f"{row['title']}, {where}"
                lines.append(f"{title}: {low:.2f} to {high:.2f} dB {apart}; no percentage.")
    return lines


def _notes(report: Values) -> list[str]:
    height, width = report["viewport"]
    codecs = [row["note"] for row in report["rows"] if row["architecture"] is None]
    lines = [
        f"Bytes of the whole file: of a decoder alone with its still panorama, map of motion and "
        f"header; of codecs with their container. PSNR is the mean over {width}x{height} viewports "
        f"along {len(report['paths'])} gaze paths ({', '.join(report['paths'])}), moving that of "
        f"all their pixels that leave the clip's temporal median. Every method learns or encodes "
        f"the same resized pictures in 4:2:0, and is held against them.",
        f"Each network is trained once, for {report['epochs']} epochs, and stored at several "
        f"precisions: levels of embeddings, and bits of weights. Percentages are Bjøntegaard's: "
        f"bytes against x265's at equal quality, over the qualities that both reach, which "
        f"are not the same for every method.",
    ]
    return [*lines, *([f"Codecs: {'; '.join(codecs)}."] if codecs else [])]
