"""Why powers are what they are: every link's own gain, the harm it does, and what switching it would change."""
