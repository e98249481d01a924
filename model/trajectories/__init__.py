"""Gaze paths and their readers."""
