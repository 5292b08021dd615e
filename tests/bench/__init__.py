"""Benchmarks against PyTorch, on a CPU."""
