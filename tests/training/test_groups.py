"""Training some parameters otherwise than others: L1, learning rates by layer, frozen parts."""

from typing import Any

import numpy
import pytest

from tests.lib import Host, Lib
from tests.training.linear import batches, close, gradients, linear, rows, weights
from xpcnn import Model
from xpcnn.errors import ConfigError
from xpcnn.layers import BatchNorm, Dense, ReLU
from xpcnn.optimizers import SGD, Adam, clip_by_global_norm
from xpcnn.types import flatten

DATA = rows(20)


def network(**options: Any) -> Model:
    return Model([Dense(6), ReLU(), Dense(3)], input_shape=(4,), dtype="float64", **options)


def by_hand(model: Model, start: list[Host], l1: float, factors: list[float]) -> list[Host]:
    """Return the weight and bias that SGD(0.5) comes to in 3 epochs of batches of 8."""
    p = start
    for x, labels in batches(model, DATA, 3, 8):
        g = gradients(p, x, labels)
        g = [g[0] + l1 * numpy.sign(p[0]), g[1]]
        p = [p_i - 0.5 * f * g_i for p_i, g_i, f in zip(p, g, factors, strict=True)]
    return p


@pytest.mark.parametrize(
    ("options", "l1", "factors"),
    [
        ({"l1": 0.05}, 0.05, [1, 1]),  # weights, not biases
        ({"layer_lr": {"*.bias": 0.25}}, 0, [1, 0.25]),
        ({"freeze": ["*.bias"]}, 0, [1, 0]),
        ({"layer_lr": {"layers.0.weight": 0.0}, "l1": 0.5}, 0, [0, 1]),
    ],
)
def test_by_hand(options: dict[str, Any], l1: float, factors: list[float], lib: Lib) -> None:
    model = linear(backend=lib.backend)
    start = weights(model)
    model.fit(DATA, epochs=3, batch_size=8, optimizer=SGD(0.5), **options)
    assert close(weights(model), by_hand(model, start, l1, factors))


def of_pytorch(start: dict[str, Host], model: Model, factors: dict[str, float], l1: float) -> Any:
    """Return what PyTorch makes of the parameters of `network`, in groups, with Adam."""
    torch = pytest.importorskip("torch")
    p = {path: torch.tensor(x, requires_grad=True) for path, x in start.items()}
    learning = [{"params": [p[path]], "lr": 0.01 * f} for path, f in factors.items()]
    optimizer = torch.optim.Adam(learning, weight_decay=0.1)
    for x, labels in batches(model, DATA, 3, 8):
        optimizer.zero_grad()
        hidden = torch.relu(torch.from_numpy(x) @ p["layers.0.weight"] + p["layers.0.bias"])
        scores = hidden @ p["layers.2.weight"] + p["layers.2.bias"]
        loss = torch.nn.functional.cross_entropy(scores, torch.from_numpy(labels))
        penalty = sum(x.abs().sum() for x in p.values() if x.ndim > 1)
        (loss + l1 * penalty).backward()
        torch.nn.utils.clip_grad_norm_([p[path] for path in factors], 0.1)
        optimizer.step()
    return {path: x.detach().numpy() for path, x in p.items()}


@pytest.mark.parametrize(
    ("options", "factors"),
    [
        (
            {"layer_lr": {"layers.0.*": 0.1, "*.bias": 2.0}},
            {
                "layers.0.weight": 0.1,
                "layers.0.bias": 0.1,
                "layers.2.weight": 1.0,
                "layers.2.bias": 2.0,
            },
        ),
        (
            {"freeze": ["layers.0.*"], "layer_lr": {"*.weight": 3.0}},
            {"layers.2.weight": 3.0, "layers.2.bias": 1.0},
        ),
    ],
)
def test_equal_to_groups_of_pytorch(options: dict[str, Any], factors: dict[str, float]) -> None:
    """Clipped together: the norm is over what learns."""
    model = network()
    start = {path: x.copy() for path, x in flatten(model.params).items()}
    adam = Adam(0.01, weight_decay=0.1)
    model.fit(DATA, epochs=3, batch_size=8, optimizer=adam, l1=0.02, clip_norm=0.1, **options)
    expected = of_pytorch(start, model, factors, 0.02)
    for path, x in flatten(model.params).items():
        # PyTorch adds 1e-6 to the norm and ε to the root at places of its own
        numpy.testing.assert_allclose(x, expected[path], rtol=0, atol=1e-9, err_msg=path)


def test_the_norm_is_over_what_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []

    def clip(grads: dict[str, Any], max_norm: float) -> dict[str, Any]:
        seen.append(list(grads))
        return clip_by_global_norm(grads, max_norm)

    monkeypatch.setattr("xpcnn.config.training_options.clip_by_global_norm", clip)
    network().fit(
        DATA, epochs=1, freeze=["layers.0.weight"], layer_lr={"layers.2.bias": 0.0}, clip_norm=1.0
    )
    assert seen[-1] == ["layers.0.bias", "layers.2.weight"]


def arrays_of(model: Model) -> dict[str, bytes]:
    arrays = flatten(model.params) | flatten(model.buffers)
    return {path: model.backend.to_host(x).tobytes() for path, x in arrays.items()}


@pytest.mark.parametrize(
    ("freeze", "kept"),
    [
        (["layers.1.*"], ["gamma", "beta", "mean", "var"]),
        (["layers.1.mean", "layers.1.var"], ["mean", "var"]),
        (["layers.1.gamma"], ["gamma"]),
    ],
)
def test_frozen_batch_norm(freeze: list[str], kept: list[str], lib: Lib) -> None:
    model = Model([Dense(5), BatchNorm(), Dense(3)], input_shape=(4,), backend=lib.backend)
    before = arrays_of(model)
    model.fit(DATA, epochs=2, batch_size=8, freeze=freeze, ema=0.5, optimizer=Adam())
    after = arrays_of(model)
    same = [path for path, x in after.items() if x == before[path]]
    assert same == [f"layers.1.{name}" for name in kept]


def test_frozen_batch_norm_is_that_of_pytorch_after_eval(lib: Lib) -> None:
    """Three epochs of SGD, with the running statistics of another training."""
    torch = pytest.importorskip("torch")
    model = Model(
        [Dense(5), BatchNorm(), ReLU(), Dense(3)],
        input_shape=(4,),
        dtype="float64",
        backend=lib.backend,
    )
    model.fit(DATA, epochs=2, batch_size=8)
    start = {
        path: torch.tensor(model.backend.to_host(x))
        for path, x in (flatten(model.params) | flatten(model.buffers)).items()
    }
    first, norm, last = torch.nn.Linear(4, 5), torch.nn.BatchNorm1d(5), torch.nn.Linear(5, 3)
    net = torch.nn.Sequential(first, norm, torch.nn.ReLU(), last).double()
    with torch.no_grad():
        for layer, path in ((first, "layers.0"), (last, "layers.3")):
            layer.weight.copy_(start[f"{path}.weight"].T)
            layer.bias.copy_(start[f"{path}.bias"])
        norm.weight.copy_(start["layers.1.gamma"])
        norm.bias.copy_(start["layers.1.beta"])
        norm.running_mean.copy_(start["layers.1.mean"])
        norm.running_var.copy_(start["layers.1.var"])
    norm.eval().requires_grad_(False)
    sgd = torch.optim.SGD([*first.parameters(), *last.parameters()], lr=0.5)
    for x, labels in batches(model, DATA, 3, 8):
        sgd.zero_grad()
        torch.nn.functional.cross_entropy(net(torch.tensor(x)), torch.tensor(labels)).backward()
        sgd.step()
    model.fit(DATA, epochs=3, batch_size=8, optimizer=SGD(0.5), freeze=["layers.1.*"])
    expected = {
        "layers.0.weight": first.weight.T,
        "layers.0.bias": first.bias,
        "layers.3.weight": last.weight.T,
        "layers.3.bias": last.bias,
    }
    for path, x in flatten(model.params).items():
        wanted = expected.get(path, start[path]).detach().numpy()
        numpy.testing.assert_allclose(model.backend.to_host(x), wanted, atol=1e-12, err_msg=path)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"freeze": ["layer.0.*"]}, "freeze: 'layer.0.*' fits no parameter\nTry: a pattern such"),
        ({"layer_lr": {"conv*": 1}}, "layer_lr: 'conv*' fits no parameter\nTry: a pattern such as"),
        ({"freeze": ["layers.*"]}, "freeze and layer_lr leave no parameter to train\nTry: fewer"),
    ],
)
def test_a_refusal_leaves_the_model(options: dict[str, Any], text: str) -> None:
    model = network()
    before = arrays_of(model)
    with pytest.raises(ConfigError) as caught:
        model.fit(DATA, **options)
    assert str(caught.value).startswith(text)
    assert (model.mean, arrays_of(model)) == (None, before)
