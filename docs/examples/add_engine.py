"""Add an engine whose pictures are mirrored, and decode one with it: add_engine.py SCENE."""

import sys
from dataclasses import replace

import model


class Mirror(model.EagerEngine):
    name = "mirror"

    def decode(self, look, frame):
        picture = super().decode(look, frame)
        return replace(picture, pixels=picture.pixels.flip(1))


model.ENGINES["mirror"] = model.EngineKind("mirror", "mirrored pictures", Mirror)
engine = model.open_engine(model.read_scene(sys.argv[1]), "nerv360", kind="mirror")
print(engine.name, engine.decode(model.Look(), 0).pixels.shape)
