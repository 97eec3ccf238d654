"""What the frontier's methods are called, and what kind each is."""

TRUNCATED, REPEATED = "wmmse-", "starts-"  # followed by iterations of one start, by starts
POLISHED, GPU = "+polish", "-gpu"  # follow a network's name
FULL_REUSE = "full-reuse"
REFERENCE = "reference"  # what every ratio is to
FAMILIES = {TRUNCATED: "WMMSE, 1 start, truncated", REPEATED: "WMMSE, best of n starts"}


def family(method: str) -> str:
    """The line of the plot that a method belongs to; a network's leads from its answer to the polished one."""
    plain = method.removesuffix(POLISHED)
    return next((label for prefix, label in FAMILIES.items() if method.startswith(prefix)), plain)


def is_network(method: str) -> bool:
    """Whether a network takes part in the answer."""
    return method != FULL_REUSE and family(method) not in FAMILIES.values()
