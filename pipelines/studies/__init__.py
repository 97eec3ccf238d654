"""The stages of the other chains: one module each, named like its stage."""
