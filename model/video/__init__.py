"""Clips in and out: video files, folders of pictures, frame rates."""
