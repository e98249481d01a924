"""All that moves: boats, flags, gulls, the carousel."""
