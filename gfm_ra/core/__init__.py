"""The compiled core: C++ sources, how they are compiled, and the loader of the objects.

The objects are installed as a distribution of their own, `gfm_ra_core`, outside this tree, so that every copy of the
tree finds them.
"""
