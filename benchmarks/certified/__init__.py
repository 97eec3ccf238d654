"""A test set of small networks with their global optima: parts of the published test worlds, and how near one comes."""
