import hashlib
import math
from collections.abc import Callable
from typing import Any

import numpy
import pytest

from xpcnn import initializers
from xpcnn.errors import ConfigError, ShapeError
from xpcnn.initializers import (
    INITIALIZERS,
    Constant,
    Dirac,
    Draw,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Initializer,
    LeCunNormal,
    LeCunUniform,
    Normal,
    Orthogonal,
    Uniform,
    Zeros,
)
from xpcnn.types import Shape

DENSE, CONV = (300, 200), (64, 32, 5, 3)


def draw(initializer: Initializer, shape: Shape) -> numpy.ndarray:
    return initializer(shape, numpy.random.default_rng(0))


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((784, 10), (784, 10)),
        ((16, 3, 5, 2), (3 * 10, 16 * 10)),
        ((8, 1, 3, 3), (9, 72)),  # depthwise: in/groups is 1
    ],
)
def test_fans(shape: Shape, expected: tuple[int, int]) -> None:
    assert initializers.fans(shape) == expected


@pytest.mark.parametrize(
    ("initializer", "shape", "variance"),
    [
        (LeCunNormal(), DENSE, 1 / 300),
        (LeCunUniform(), DENSE, 1 / 300),
        (GlorotNormal(), DENSE, 1 / 250),
        (GlorotUniform(), DENSE, 1 / 250),
        (HeNormal(), DENSE, 1 / 150),
        (HeUniform(), DENSE, 1 / 150),
        (LeCunNormal(), CONV, 1 / 480),
        (GlorotNormal(), CONV, 1 / 720),
        (HeUniform(), CONV, 1 / 240),
        (Normal(0.5), DENSE, 0.25),
        (Uniform(-0.5, 0.5), DENSE, 1 / 12),
        (Orthogonal(), DENSE, 1 / 300),
    ],
)
def test_moments(initializer: Initializer, shape: Shape, variance: float) -> None:
    """Over 30,000 draws or more the sample variance is good to about 1 %."""
    values = draw(initializer, shape)
    assert values.shape == shape
    assert values.dtype == numpy.float32
    assert values.flags.c_contiguous
    assert float(values.mean()) == pytest.approx(0.0, abs=5 * math.sqrt(variance / values.size))
    assert float(values.var()) == pytest.approx(variance, rel=0.03)


@pytest.mark.parametrize(
    ("initializer", "limit"),
    [
        (LeCunUniform(), 0.1),  # √(3/300)
        (GlorotUniform(), math.sqrt(6 / 500)),
        (HeUniform(), math.sqrt(6 / 300)),
        (Uniform(-0.25, 0.25), 0.25),
    ],
)
def test_uniform_limits(initializer: Initializer, limit: float) -> None:
    values = draw(initializer, DENSE)
    assert limit * 0.999 < float(abs(values).max()) <= limit * (1 + 1e-6)


def test_constants() -> None:
    assert draw(Zeros(), (2,)).tolist() == [0.0, 0.0]
    assert draw(Constant(0.5), (1, 2)).tolist() == [[0.5, 0.5]]
    assert draw(Normal(0.0, mean=2.0), (2,)).tolist() == [2.0, 2.0]
    assert draw(Constant(), ()).dtype == draw(Zeros(), ()).dtype == numpy.float32


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (6, 2, 3, 3), (40, 2, 3, 3)])
def test_orthogonal(shape: Shape) -> None:
    values = draw(Orthogonal(2.0), shape)
    assert values.shape == shape
    m = values.reshape(shape[0], -1).astype(numpy.float64)
    gram = m @ m.T if m.shape[0] <= m.shape[1] else m.T @ m
    assert numpy.allclose(gram, 4.0 * numpy.eye(len(gram)), rtol=0.0, atol=1e-5)


def test_orthogonal_takes_the_signs_of_r() -> None:
    """Without them LAPACK would give every 1 x 1 matrix the same sign."""
    rng = numpy.random.default_rng(0)
    signs = {float(Orthogonal()((1, 1), rng)[0, 0]) for _ in range(20)}
    assert signs == {-1.0, 1.0}


def test_dirac() -> None:
    values = draw(Dirac(Zeros()), (3, 2, 3, 3))
    one = [[0, 0, 0], [0, 1, 0], [0, 0, 0]]
    none = numpy.zeros((3, 3)).tolist()
    assert values.tolist() == [[one, none], [none, one], [none, none]]
    torch = pytest.importorskip("torch")
    for shape in ((5, 3, 3, 3), (2, 4, 2, 5)):
        expected = torch.nn.init.dirac_(torch.empty(shape)).numpy()
        numpy.testing.assert_array_equal(draw(Dirac(Zeros()), shape), expected)
    rest = draw(Dirac(Normal(1.0)), (40, 4, 3, 3))[4:]
    numpy.testing.assert_array_equal(rest, draw(Normal(1.0), (40, 4, 3, 3))[4:])
    with pytest.raises(ShapeError, match=r"^Dirac is for convolutions .*got shape \(3, 2\)\nTry: "):
        draw(Dirac(), (3, 2))


def test_fans_are_those_of_pytorch() -> None:
    torch = pytest.importorskip("torch")
    conv = torch.empty(16, 3, 5, 2)
    assert initializers.fans((16, 3, 5, 2)) == torch.nn.init._calculate_fan_in_and_fan_out(conv)
    # PyTorch keeps dense weights as (out, in)
    dense = torch.empty(7, 9)
    assert initializers.fans((9, 7)) == torch.nn.init._calculate_fan_in_and_fan_out(dense)


def test_each_parameter_has_its_own_stream() -> None:
    root = Draw(7)
    weight = root.at("layers.0")("weight", HeNormal(), (3, 2))
    root("other", Normal(), (100,))
    again = Draw(7, "layers").at("0")("weight", HeNormal(), (3, 2))
    assert weight.tolist() == again.tolist()
    assert weight.tolist() != Draw(8).at("layers.0")("weight", HeNormal(), (3, 2)).tolist()
    assert weight.tolist() != Draw(7).at("layers.1")("weight", HeNormal(), (3, 2)).tolist()
    assert weight.tolist() != Draw(7).at("layers.0")("bias", HeNormal(), (3, 2)).tolist()


def test_the_stream_is_the_documented_one() -> None:
    digest = hashlib.blake2b(b"7/init/layers.0.weight", digest_size=16).digest()
    philox = numpy.random.Philox(key=int.from_bytes(digest, "little"))
    expected = numpy.random.Generator(philox).normal(0.0, 1.0, 3).astype(numpy.float32)
    got = Draw(7, "layers.0")("weight", Normal(1.0), (3,))
    assert got.tolist() == expected.tolist()
    digest = hashlib.blake2b(b"7/init/weight", digest_size=16).digest()
    philox = numpy.random.Philox(key=int.from_bytes(digest, "little"))
    expected = numpy.random.Generator(philox).normal(0.0, 1.0, 3).astype(numpy.float32)
    assert Draw(7)("weight", Normal(1.0), (3,)).tolist() == expected.tolist()


def test_an_initializer_of_the_users_own_is_kept_as_float32() -> None:
    def ramp(shape: Shape, rng: numpy.random.Generator, /) -> Any:
        return numpy.arange(math.prod(shape)).reshape(shape)

    assert Draw(0)("weight", ramp, (2, 3)).dtype == numpy.float32


def test_registry() -> None:
    names = (
        "Zeros Constant Normal Uniform LeCunNormal LeCunUniform GlorotNormal GlorotUniform "
        "HeNormal HeUniform Orthogonal Dirac"
    )
    assert list(INITIALIZERS) == names.split()
    assert INITIALIZERS["HeNormal"]() == HeNormal()


@pytest.mark.parametrize("shape", [(), (5,), (0, 3)])
@pytest.mark.parametrize("make", [LeCunNormal, GlorotUniform, HeNormal, Orthogonal])
def test_shapes_without_fans(make: Callable[[], Initializer], shape: Shape) -> None:
    with pytest.raises(ShapeError) as caught:
        draw(make(), shape)
    assert str(caught.value) == (
        "initializers that scale by fans need weights (in, out) or (out, in/groups, kh, kw), "
        f"got shape {shape}\nTry: Zeros(), Constant(value) or Normal(std) for biases"
    )


@pytest.mark.parametrize(
    ("make", "options", "text"),
    [
        (Constant, {"value": math.nan}, "Constant: value must be a finite number, got nan\nTry: "),
        (Constant, {"value": -math.inf}, "Constant: value must be a finite number, got -inf\n"),
        (Normal, {"std": -1}, "Normal: std must be a finite number >= 0, got -1\nTry: "),
        (Orthogonal, {"gain": "relu"}, "Orthogonal: gain must be a finite number, got str\nTry: "),
        (
            Uniform,
            {"low": 1, "high": 0},
            "Uniform: low must not be above high, got 1 and 0\nTry: Uniform(0, 1)",
        ),
    ],
)
def test_refusals(make: Callable[..., Any], options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make(**options)
    assert str(caught.value).startswith(text)
