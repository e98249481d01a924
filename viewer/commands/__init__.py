"""The commands of ``nerv360``, one module each."""

from nerv360.viewer.commands import (
    bench,
    doctor,
    evaluate,
    info,
    make_clip,
    render,
    train,
    view,
    web,
)

COMMANDS = (
    view.view,
    train.train,
    render.render,
    evaluate.evaluate,
    info.info,
    web.export_web,
    web.serve,
    make_clip.make_clip,
    bench.bench,
    doctor.doctor,
)
"""Commands in the order of the help: functions and groups of commands."""

__all__ = ["COMMANDS"]
