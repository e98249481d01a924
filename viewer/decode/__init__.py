"""Decoding behind the window: one thread, its sessions and engines."""
