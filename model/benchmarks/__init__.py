"""Speed and memory: of engines, of training, and the paper's two tables."""
