"""Add an engine whose pictures are mirrored, and decode one with it: add_engine.py SCENE."""

import sys
from dataclasses import replace

import nerv360


class Mirror(nerv360.EagerEngine):
    name = "mirror"

    def decode(self, look, frame):
        picture = super().decode(look, frame)
        return replace(picture, pixels=picture.pixels.flip(1))


nerv360.ENGINES["mirror"] = nerv360.EngineKind("mirror", "mirrored pictures", Mirror)
engine = nerv360.open_engine(nerv360.read_scene(sys.argv[1]), "nerv360", kind="mirror")
print(engine.name, engine.decode(nerv360.Look(), 0).pixels.shape)
