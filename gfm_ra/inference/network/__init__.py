"""The unrolled network in the compiled core: its sizes, weights and passes."""
