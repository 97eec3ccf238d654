"""How good allocations are: scores, confidence intervals, references, few-shot evaluation, comparison of methods."""
