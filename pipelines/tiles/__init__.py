"""Sparse networks that are answered in parts: tiles with a halo, solved as Ray tasks in a few rounds."""
