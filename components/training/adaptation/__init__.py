"""Adaptation of the packaged network by its user: to an own site, or to an own utility."""
