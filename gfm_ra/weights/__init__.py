"""Trained weights: the folders that come with the package, their cards, and the check that they are sound."""
