"""A server under load: a compiled generator, closed and open loops, against a handler that does nothing."""
