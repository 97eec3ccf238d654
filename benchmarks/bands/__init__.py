"""Several bands and budgets: what `allocate` reaches beside multi-channel WMMSE in the same time, and others."""
