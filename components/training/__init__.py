"""Training: losses, the loops of pre-training and fine-tuning, schedules, precision, validation, checkpoints."""
