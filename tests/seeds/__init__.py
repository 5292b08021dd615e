"""Is training dependable? Every recipe with many seeds, on several builds of the kernels."""
