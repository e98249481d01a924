"""Training: a clip in, a decoder out."""
