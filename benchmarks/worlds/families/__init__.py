"""The test worlds: laws of standards and of the literature, a module per group. None of them is a training family."""
