"""Input: events, keys, the camera, the clock of the clip, gaze paths."""
