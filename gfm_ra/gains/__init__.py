"""What networks are made of beside a matrix: listed gains with a far field, deviations and limits, full powers."""
