"""Training: losses, the loops of pre-training and fine-tuning, schedules, precision, validation, checkpoints."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from components.training.adaptation.adapt import adapt as adapt


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name != "adapt":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # When it is asked for: it takes in most of the project.
    from components.training.adaptation.adapt import adapt as found

    return found
