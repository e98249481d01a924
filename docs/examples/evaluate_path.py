"""PSNR of each decoder along a gaze path: evaluate_path.py SCENE CLIP PATH."""

import sys

import model

scene = model.read_scene(sys.argv[1])
clip = model.ClipPictures(sys.argv[2])
path = model.read_trajectory(sys.argv[3])
for name in scene.decoders:
    engine = model.open_engine(scene, name)
    total, steps = 0.0, path.steps(scene.frames, scene.fps)
    for step in steps:
        shown = model.render_view(engine, step.look, step.frame, 216, 384)
        wanted = model.cut_viewport(clip[step.frame], step.look, 216, 384)
        total += model.psnr_8bit(shown.cpu(), wanted)
    print(f"{name}: {total / len(steps):.2f} dB over {len(steps)} pictures")
