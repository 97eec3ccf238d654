"""Randomised worlds: networks of many kinds and any number of links, drawn where a model trains on them.

`WorldDistribution` says what is drawn; docs/worlds.md says what is left out of it on purpose.
"""
