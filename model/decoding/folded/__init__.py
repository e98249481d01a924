"""The CPU's engines: affines folded into convolutions, fewer passes over memory."""
