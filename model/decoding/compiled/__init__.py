"""CUDA's engines: programs that torch.compile and CUDA graphs run, and what is kept of them."""
