"""Optima and upper bounds that are proven: branch and bound, tangents, linear systems."""
