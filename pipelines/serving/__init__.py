"""Powers over HTTP."""
