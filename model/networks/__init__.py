"""The networks (design, section 3): layers, encoder, one class an architecture, their registry."""
