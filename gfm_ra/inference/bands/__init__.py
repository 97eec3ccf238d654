"""Answers to networks of several bands, or with limits and budgets: the network band by band, coupled by WMMSE.

Every answer ends in a repair, so that no source can break a limit.
"""
