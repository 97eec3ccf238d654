"""The base of every configuration object: frozen, typed, and deaf to no typing mistake."""

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A frozen configuration that rejects unknown keys and does not coerce types silently."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)
