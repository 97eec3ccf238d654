"""Slices: groups of links with least rates, shares and goals of their own on one network.

`slice` says what a slice asks for, `answers` finds powers for it, `status` tells what every slice gets.
"""
