"""What requests and answers look like: JSON, .npy, the Open Inference Protocol, and their description."""
