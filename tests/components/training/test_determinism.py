"""Training changes switches of the whole process, and puts them back."""

from collections.abc import Iterator

import pytest
import torch

from components.training.determinism import deterministic


def switches() -> tuple[bool, bool, bool, bool]:
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.utils.deterministic.fill_uninitialized_memory,
        torch.backends.cuda.cudnn_sdp_enabled(),
    )


@pytest.fixture(params=[False, True], ids=["off before", "on before"])
def before(request: pytest.FixtureRequest) -> Iterator[tuple[bool, bool, bool, bool]]:
    algorithms, warn_only, fill, attention = switches()
    torch.use_deterministic_algorithms(request.param, warn_only=request.param)
    yield switches()
    torch.use_deterministic_algorithms(algorithms, warn_only=warn_only)
    torch.utils.deterministic.fill_uninitialized_memory = fill
    torch.backends.cuda.enable_cudnn_sdp(attention)


@pytest.mark.parametrize(
    ("device", "expected"), [("cpu", (True, False, False)), ("cuda", (False, False, False))]
)
def test_switches_are_as_before_whatever_happens(
    before: tuple[bool, bool, bool, bool], device: str, expected: tuple[bool, bool, bool]
) -> None:
    inside = []

    def interrupted() -> None:
        with deterministic(torch.device(device)):
            inside.append(switches())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert inside == [(*expected, before[3] and device == "cpu")]
    assert switches() == before
