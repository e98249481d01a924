"""Solids, paints and light."""
