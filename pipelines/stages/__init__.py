"""The stages of the main chain: one module each, named like its stage."""
