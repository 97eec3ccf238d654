"""Powers over HTTP: the Open Inference Protocol v2 and a plain interface, in one lean process."""
