"""Gaze paths, picture quality along them, and the reports made of both."""
