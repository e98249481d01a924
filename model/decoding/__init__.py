"""A look in, an RGBA picture out: the protocol and its engines."""

from model.decoding.open import open_engine, picture_size
from model.decoding.protocol import Engine, Picture

__all__ = ["Engine", "Picture", "open_engine", "picture_size"]
