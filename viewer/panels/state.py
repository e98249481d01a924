"""The numbers on the screen, gathered from the parts that have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from viewer.panels.panels import Facts, GazeFacts, SideFacts
from viewer.panels.statistics import rate_of

if TYPE_CHECKING:
    from viewer.app import App
    from viewer.input.gaze import Gaze
    from viewer.picture.panes import Panes

_MIB = 2**20
_LATEST = 8


def gather(app: App) -> Facts:
    """What the overlay shows now."""
    request = app.request()
    report = app.worker.report
    engine, times = report.engine, [t * 1000 for t in report.times]
    yaw, pitch, roll, hfov = request.look.degrees()
    width, height = app.window.framebuffer_size
    resident, on_gpu = app.memory.read(engine.device if engine else None)
    rate = rate_of(report.finished)
    decoding = f"{rate:.{0 if rate >= 9.95 else 1}f} fps" if rate else "at rest"
    memory = f"{resident / _MIB:.0f} MiB"
    if on_gpu is not None:
        memory += f", GPU {on_gpu / _MIB:.0f} MiB"
    return Facts(
        title=app.scene.title,
        look=request.look,
        aspect=request.aspect,
        rows=[
            ("Display", "at rest" if app.resting else f"{app.displayed.per_second():.0f} fps"),
            ("Decode", f"{decoding}, {times[-1]:.1f} ms" if times else "–"),
            ("Memory", memory),
            ("Looking at", f"yaw {yaw:.1f}°, pitch {pitch:.1f}°"),
            ("View", f"{hfov:.1f}° wide, roll {roll:.1f}°"),
            ("Clip", f"{app.scene.size[1]}×{app.scene.size[0]}, {app.playback.fps:g} fps"),
            ("Frame", f"{request.frame} of {app.playback.frames}"),
            ("Picture", f"{engine.size[1]}×{engine.size[0]}" if engine else "–"),
            ("Window", f"{width}×{height}"),
            ("Decoder", " | ".join(app.panes.shown)),
            ("Engine", f"{engine.name} on {engine.device}" if engine else "–"),
            ("Upload", f"{app.renderer.upload.name}, {app.renderer.upload_s * 1000:.1f} ms"),
        ],
        decode_ms=times,
        sphere=app.renderer.sphere.id if app.renderer.picture else 0,
        message=app.message,
        opening=_opening(app.panes),
        gaze=gaze_facts(app.gaze),
        sides=side_facts(app) if app.panes.split else (),
    )


def bare(app: App) -> Facts:
    """What the overlay shows where the rest cannot be told."""
    look, (width, height) = app.camera.look(), app.window.size
    return Facts(app.scene.title, look, width / height, [], [], 0, app.message, None, GazeFacts())


def _opening(panes: Panes) -> str | None:
    if panes.opening is None or (panes.split and panes.renderers[0].picture):
        return None  # in a split view each side's own panel says it
    return f"Opening {panes.opening} …"


def side_facts(app: App) -> tuple[SideFacts, ...]:
    """What decodes each side of a split view, and what that costs."""
    scene, sides = app.scene, []
    for name, report in zip(app.panes.shown, app.worker.reports, strict=False):
        cost = scene.cost(name)
        share = cost.pixels / (scene.size[0] * scene.size[1])
        rows = [("Decodes", "the whole frame" if cost.full_frame else "the viewport")]
        rows += [("Pixels", f"{cost.pixels / 1e6:.2f} M, {share:.0%} of the frame")]
        if report.times:
            latest = report.times[-_LATEST:]
            seconds = sum(latest) / len(latest)
            rate, digits = 1 / seconds, 0 if seconds < 0.1 else 1 if seconds < 1 else 2
            rows += [("Decode", f"{rate:.{digits}f} fps, {seconds * 1000:.0f} ms")]
        else:
            rows += [("Decode", "its first picture …")]
        rows += [("Memory", f"about {cost.peak_bytes / _MIB:.0f} MiB")]
        if report.engine:
            rows += [("Engine", f"{report.engine.name} on {report.engine.device}")]
        sides.append(SideFacts(name, rows))
    return tuple(sides)


def gaze_facts(gaze: Gaze) -> GazeFacts:
    """What the overlay shows of the path that is recorded or followed."""
    recorder, replay = gaze.recorder, gaze.replay
    return GazeFacts(
        recorder.elapsed_s if recorder.path else None,
        (replay.trajectory.name, replay.seconds, replay.duration) if replay else None,
    )
