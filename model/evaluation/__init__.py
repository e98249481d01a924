"""Quality, speed and memory of a scene's decoders along gaze paths, and reports of them."""
