"""Save one view of a scene as a picture: save_view.py SCENE PICTURE."""

import sys

from PIL import Image

import model

scene = model.read_scene(sys.argv[1])
engine = model.open_engine(scene, next(iter(scene.decoders)))
look = model.Look.from_degrees(yaw_deg=30, pitch_deg=-10)
view = model.render_view(engine, look, frame=0, height=540, width=960)
Image.fromarray(view.cpu().numpy()).save(sys.argv[2])
