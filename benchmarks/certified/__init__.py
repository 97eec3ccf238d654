"""A test set of small networks with their global optima: parts of the published test worlds, proven, and what allocators
reach of them."""
