"""PSNR of each decoder along a gaze path: evaluate_path.py SCENE CLIP PATH."""

import sys

import nerv360

scene = nerv360.read_scene(sys.argv[1])
clip = nerv360.ClipPictures(sys.argv[2])
path = nerv360.read_trajectory(sys.argv[3])
for name in scene.decoders:
    engine = nerv360.open_engine(scene, name)
    total, steps = 0.0, path.steps(scene.frames, scene.fps)
    for step in steps:
        shown = nerv360.render_view(engine, step.look, step.frame, 216, 384)
        wanted = nerv360.cut_viewport(clip[step.frame], step.look, 216, 384)
        total += nerv360.psnr_8bit(shown.cpu(), wanted)
    print(f"{name}: {total / len(steps):.2f} dB over {len(steps)} pictures")
