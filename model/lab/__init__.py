"""The laboratory: benchmarks, evaluation, rates and the synthetic test clip."""
