"""A look in, an RGBA picture out: the protocol and its engines."""

from model.decoding.engine import Engine, Picture
from model.decoding.engines import open_engine, picture_size

__all__ = ["Engine", "Picture", "open_engine", "picture_size"]
