"""The commands of ``nerv360``, one module each."""

from viewer.commands import bench, evaluate, info, make_clip, render, train, view

COMMANDS = (
    view.view,
    train.train,
    render.render,
    evaluate.evaluate,
    info.info,
    make_clip.make_clip,
    bench.bench,
)
"""Functions of all commands, in the order of the help."""

__all__ = ["COMMANDS"]
