"""A graph foundation model for wireless resource allocation: what users import.

Needs numpy and the compiled core, nothing that trains.
"""
