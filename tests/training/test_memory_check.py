"""A batch that cannot fit into memory is rejected before the first step."""

from typing import Any

import pytest

from xpcnn import Model
from xpcnn.config.training_options import TrainingOptions
from xpcnn.errors import ConfigError
from xpcnn.layers import Dense, ReLU
from xpcnn.training.memory_check import check_memory, total_memory

SAMPLE = 8 + 8  # numbers that a sample takes: its own, and the outputs of a layer of eight


class Device:
    """What is asked of a backend, with a memory of its own."""

    def __init__(self, total: int) -> None:
        self._total = total

    def memory(self) -> dict[str, int]:
        return {"device_total": self._total}


def check(
    total: int, batch: int, samples: int = 100, processes: int = 1, **facts: Any
) -> str | None:
    given: dict[str, Any] = {"layers": ReLU(), "input_shape": (8,), "dtype": "float32", **facts}
    given["backend"] = Device(total)
    options = TrainingOptions(batch_size=batch)
    return check_memory(**given, samples=samples, options=options, processes=processes)


def test_half_of_all_outputs_have_to_fit() -> None:
    check(2 * SAMPLE * 64, 64)  # half of four bytes for each number
    check(2 * SAMPLE * 63, 64, samples=63)
    check(2 * SAMPLE * 32, 64, processes=2)
    check(1 * SAMPLE * 64, 64, dtype="float16")
    with pytest.raises(ConfigError, match=r"batch_size is 64: .*\nTry: batch_size=63, or smaller"):
        check(2 * SAMPLE * 64 - 1, 64)
    with pytest.raises(ConfigError, match=r"\nTry: batch_size=31, or smaller"):
        check(2 * SAMPLE * 63, 32, dtype="float64")
    with pytest.raises(ConfigError, match=r"on 1 samples .*\nTry: smaller samples"):
        check(2 * SAMPLE - 1, 64, samples=1)


def test_the_text_has_the_size_and_both_figures() -> None:
    with pytest.raises(ConfigError) as caught:
        check(25 * 10**9, 512, samples=10**6, layers=Dense(1), input_shape=(10**8 - 1,))
    assert str(caught.value) == (
        "batch_size is 512: to train on 512 samples of 99999999 takes 102 GB of memory or more, "
        "and there are 25 GB\nTry: batch_size=125, or smaller samples (--image-size, image_size)"
    )


def test_parameters_and_their_gradients_have_to_fit() -> None:
    one = Dense(3)  # 27 parameters
    assert check(2 * 4 * 27, 64, samples=1, layers=one) is None
    with pytest.raises(ConfigError) as caught:
        check(2 * 4 * 27 - 1, 64, samples=1, layers=one)
    assert str(caught.value) == (
        "27 parameters and their gradients take 0.0 GB of memory, and there are 0.0 GB\nTry: fewer "
        "units or filters, smaller samples, or pooling before the first dense layer"
    )


def test_a_note_where_all_outputs_do_not_fit() -> None:
    assert check(4 * SAMPLE * 64, 64) is None
    note = check(4 * SAMPLE * 64 - 1, 64, input_shape=(8,))
    assert note is not None
    assert note.startswith("batch_size is 64: to train on 64 samples of 8 may take 0.0 GB of ")
    assert "\nTry: batch_size=63, or smaller samples" in note
    alone = check(4 * SAMPLE - 1, 64, samples=1)
    assert alone is not None
    assert alone.endswith("\nTry: smaller samples (--image-size, image_size)")


def test_the_memory_of_the_host_is_known_where_a_device_tells_none() -> None:
    total = total_memory(Model([Dense(3)], input_shape=(8,)).backend)
    assert total is None or total > 2**28
