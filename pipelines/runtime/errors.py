"""From exceptions to the one line that a person needs."""

from mlflow.exceptions import MlflowException
from pydantic import ValidationError

from components.data.shards import DataError
from gfm_ra import errors
from gfm_ra.errors import UserError

# What a stage reports as one line instead of a traceback.
EXPECTED = (UserError, DataError, OSError, MlflowException)


def one_line(error: BaseException) -> str:
    """Say an expected error in one line, without the passwords of addresses."""
    cause = getattr(error, "cause", None)  # what a Ray task raised, without the remote traceback
    if isinstance(cause, BaseException):
        error = cause
    if isinstance(error, MlflowException):
        import mlflow

        from pipelines.runtime.tracking.answers import explained  # which builds on this module

        return explained(error, mlflow.get_tracking_uri())
    return errors.one_line(error)


def describe_validation(error: ValidationError, where: str = "") -> str:
    """Every fault of a parameter section, each with its full name and the value given."""
    faults = []
    for fault in error.errors():
        name = ".".join([*filter(None, [where]), *(str(part) for part in fault["loc"])])
        if fault["type"] == "extra_forbidden":
            faults.append(f"{name} is not a parameter: check the spelling or remove it")
        elif fault["type"] == "missing":
            faults.append(f"{name} is missing: add it")
        else:
            message = fault["msg"].removeprefix("Value error, ")
            given = "" if isinstance(fault["input"], dict) else f" (given: {fault['input']!r})"
            faults.append(f"{name}: {message}{given}" if name else message)
    return "; ".join(faults)
