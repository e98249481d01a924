"""The overlay's panels; each owns its state and its drawing."""
