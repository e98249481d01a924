"""Save one view of a scene as a picture: save_view.py SCENE PICTURE."""

import sys

from PIL import Image

import nerv360

scene = nerv360.read_scene(sys.argv[1])
engine = nerv360.open_engine(scene, next(iter(scene.decoders)))
look = nerv360.Look.from_degrees(yaw_deg=30, pitch_deg=-10)
view = nerv360.render_view(engine, look, frame=0, height=540, width=960)
Image.fromarray(view.cpu().numpy()).save(sys.argv[2])
