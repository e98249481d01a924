"""A look in, an RGBA picture out: the protocol and its engines."""

from model.decoding.protocol import Engine, Picture

__all__ = ["Engine", "Picture"]
