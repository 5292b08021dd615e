"""From pairs (image, label), as other libraries' data sets give them, to a data set."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import xpcnn
from xpcnn import Model
from xpcnn.data import from_batches, from_samples
from xpcnn.errors import BackendError, DataError, DTypeError, LabelError, ShapeError, XpcnnError
from xpcnn.layers import Dense, Flatten


class Tensor:
    """An array of another library, which NumPy reads unless it is on a GPU."""

    def __init__(self, values: Any, dtype: str, device: str = "cpu") -> None:
        self.values, self.device = np.asarray(values, dtype), device

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if self.device != "cpu":
            raise TypeError("on a GPU")
        return self.values


class Pairs:
    """A data set as torch.utils.data has them: by number, without an end that iteration sees."""

    classes = ("cat", "dog")

    def __init__(self, *pairs: Any) -> None:
        self.pairs = pairs

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, i: int) -> Any:
        return self.pairs[i % len(self.pairs)]


def image(value: int, dtype: str = "uint8") -> np.ndarray:
    return np.full((1, 2, 3), value, dtype)


def test_samples_by_number() -> None:
    data = from_samples(Pairs((image(1), 0), (image(3), np.int64(1)), (image(2), 1)))
    assert (data.images[:, 0, 0, 0].tolist(), data.labels.tolist()) == ([1, 3, 2], [0, 1, 1])
    assert (data.classes, data.name, data.mean) == (("cat", "dog"), "samples", (2.0,))


def test_samples_in_turn_of_arrays_that_are_used_again() -> None:
    def reusing() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        x, y = np.zeros((2, 3), np.float32), np.zeros((), np.int64)  # grey
        for i in range(3):
            x[...] = y[...] = i
            yield x, y

    data = from_samples(reusing(), classes=["a", "b", "c"], name="three")
    assert (data.shape, data.images.dtype) == ((1, 2, 3), np.float32)
    assert data.images[:, 0, 0, 0].tolist() == data.labels.tolist() == [0, 1, 2]
    assert (data.classes, data.name) == (("a", "b", "c"), "three")


def test_arrays_of_another_library() -> None:
    data = from_samples([(Tensor(image(4), "float32"), Tensor(1, "int64"))])
    assert (data.images.dtype, data.labels.tolist()) == (np.float32, [1])
    joined = from_batches([(Tensor(image(4)[None], "float32"), Tensor([1], "int64"))])
    assert (joined.images.tolist(), joined.labels.tolist()) == (data.images.tolist(), [1])


def test_tensors_of_pytorch() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    x, y = torch.arange(12.0).reshape(4, 1, 1, 3), torch.tensor([0, 1, 1, 0])
    pairs = torch.utils.data.TensorDataset(x, y)
    data = from_samples(pairs)
    assert (data.images == x.numpy()).all()
    assert data.labels.tolist() == [0, 1, 1, 0]
    assert from_batches(torch.utils.data.DataLoader(pairs, batch_size=3)).digest() == data.digest()


def test_pictures_of_pillow() -> None:
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    pixels = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    data = from_samples([(pillow.fromarray(pixels), 0)])
    assert data.images[0].tolist() == pixels.transpose(2, 0, 1).tolist()
    assert from_samples([(pillow.fromarray(pixels[:, :, 0]), 0)]).shape == (1, 2, 3)
    with pytest.raises(DTypeError, match=r"^sample 0: the picture is of mode P, expected L .*\n"):
        from_samples([(pillow.fromarray(pixels).convert("P"), 0)])


def test_targets_of_other_tasks() -> None:
    pairs = [(image(1), [0.5, 2.0]), (image(2), [1.5, 3.0])]
    data = from_samples(pairs, ["age", "size"], task="regression")
    assert (data.labels.tolist(), data.classes) == ([[0.5, 2.0], [1.5, 3.0]], ("age", "size"))
    one = from_samples([(image(1), [0.5])], task="regression")
    assert repr(one) == "Dataset('samples', 1 image of 1x2x3 uint8, 1 number)"


GOOD = image(1), 0
BAD: list[tuple[Any, type[XpcnnError], str]] = [
    ([], DataError, "there are no samples\nTry: a fresh generator: one runs only once"),
    (3, DataError, "samples are a int, expected pairs (image, label)\nTry: a list of pairs, or an"),
    ([GOOD, 3], DataError, "sample 1: expected a pair (image, label), got int\nTry: yield image,"),
    (
        [{"image": image(1), "label": 0}],
        DataError,
        "sample 0: expected a pair (image, label), got dict\n"
        'Try: from_samples((row["image"], row["label"]) for row in samples)',
    ),
    (
        [GOOD, (image(1)[:, :1], 0)],
        ShapeError,
        "sample 1: the image has the shape (1, 1, 3), before (1, 2, 3)\nTry: images of one size",
    ),
    (
        [GOOD, (image(1, "float32"), 0)],
        DTypeError,
        "sample 1: the image is float32, before uint8\nTry: image.astype('uint8')",
    ),
    (
        [GOOD, (image(1), [0, 1])],
        LabelError,
        "sample 1: the label has the shape (2,), before ()\nTry: labels of one kind",
    ),
    (
        [("cat.png", 0)],
        DTypeError,
        "sample 0: the image is a str, expected an array or a picture\nTry: numpy.asarray(image)",
    ),
    (
        [(Tensor(image(1), "uint8", "cuda"), 0)],
        DTypeError,
        "sample 0: a Tensor that NumPy cannot read: on a GPU\n"
        "Try: arrays in the CPU's memory: x.detach().cpu()",
    ),
    (
        [(image(1, "float64"), 0)],
        DTypeError,
        "sample 0: images must be uint8 or float32, got float64\nTry: images.astype('float32')",
    ),
]


@pytest.mark.parametrize(("samples", "error", "text"), BAD, ids=range(len(BAD)))
def test_wrong_samples_are_named(samples: Any, error: type[XpcnnError], text: str) -> None:
    with pytest.raises(error) as caught:
        from_samples(samples)
    assert type(caught.value) is error
    assert str(caught.value).startswith(text)


X, Y = np.zeros((2, 1, 2, 3), np.float32), np.array([0, 1])
BY_KIND: list[tuple[Any, str]] = [
    (Pairs(GOOD), "xpcnn.data.from_samples(data), if it gives pairs (image, label)"),
    ([GOOD], "xpcnn.data.from_samples(data), if it gives pairs (image, label)"),
    (iter([(X, Y)]), "xpcnn.data.from_batches(data), if it gives pairs (images, labels)"),
    ({"images": X, "labels": Y}, "(samples, labels), two arrays of it, such as (d['images'], d["),
    ("photos/", "train, test = xpcnn.data.load(path), for files and folders"),
    ([X, Y], "(samples, labels), a tuple of the two arrays"),
]


@pytest.mark.parametrize(("data", "advice"), BY_KIND, ids=range(len(BY_KIND)))
def test_other_data_than_arrays_is_refused_with_what_makes_a_data_set(
    data: Any, advice: str
) -> None:
    model = Model([Flatten(), Dense(2)], input_shape=(1, 2, 3))
    uses: list[Callable[[], object]] = [
        lambda: model.fit(data),
        lambda: model.fit(X, Y, validation=data),
        lambda: model.evaluate(data),
    ]
    for use in uses:
        with pytest.raises(DataError) as caught:
            use()
        assert str(caught.value).partition("\nTry: ")[2].startswith(advice)


def test_predict_says_it_too() -> None:
    model: Any = Model([Flatten(), Dense(2)], input_shape=(1, 2, 3))
    with pytest.raises(BackendError, match=r"\nTry: xpcnn\.data\.from_samples\(data\)"):
        model.predict(Pairs(GOOD))
    assert xpcnn.data.from_samples is from_samples
