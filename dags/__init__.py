"""What runs after what, and with which values."""
