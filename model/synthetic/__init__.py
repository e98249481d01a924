"""The harbour town: an animated equirectangular scene of our own."""
