"""Slices on one band against slices that are kept apart: how often least rates are met, and what the others get."""
