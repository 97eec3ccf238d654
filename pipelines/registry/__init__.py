"""Registered models: versions, promotion, cards, the program inside a model, relocation of a registry."""
