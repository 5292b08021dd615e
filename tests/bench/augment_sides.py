"""Augmentation of one batch, here and in PyTorch: `python -m tests.bench.augment_sides`.

The process of a side of `tests.bench.augmentation`; see `xpcnn.benchmark.process.serve`.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import numpy

from tests.bench.ours_and_theirs import opener, require_agreement
from xpcnn import backend
from xpcnn.benchmark import serve
from xpcnn.data.augment import Affine, Augmentation, Augmenter, Crop, Flip
from xpcnn.errors import BackendError
from xpcnn.samples import Samples

PAD = 4
SAMPLES = 5000
TOLERANCE = 1e-3  # relative to the largest number: PyTorch's places are rounded otherwise


class Case(NamedTuple):
    """Images of a shape, from uint8 or already normalised, and how they are augmented."""

    shape: tuple[int, int, int]
    augment: tuple[Augmentation, ...]
    bytes: bool


TURN, MOVE = (Affine(degrees=10.0, scale=0.1, shift=2.0),), (Crop(PAD), Flip())
CASES = {
    "rotate, zoom, shift 28 x 28 x 1": Case((1, 28, 28), TURN, bytes=False),
    "rotate, zoom, shift 32 x 32 x 3": Case((3, 32, 32), TURN, bytes=False),
    "normalise, crop, flip 32 x 32 x 3": Case((3, 32, 32), MOVE, bytes=True),
}


class Ours:
    """A batch taken from samples on the device and augmented, as training does it."""

    def __init__(self, name: str, batch: int) -> None:
        self.case = case = CASES[name]
        library = backend.load("numpy")
        self.session = library.session
        rng = numpy.random.default_rng(0)
        self.raw = rng.integers(0, 256, (SAMPLES, *case.shape), "uint8")
        self.labels = rng.integers(0, 10, SAMPLES)
        self.rows = rng.permutation(SAMPLES)[:batch]
        self.mean, self.std = rng.uniform(50, 150, (2, case.shape[0])).astype("float32")
        self.samples = Samples(self.raw, self.labels, self.mean, self.std)
        self.augmenter = Augmenter(
            case.augment, library, seed=0, shape=case.shape, outputs=10, dtype="float32"
        )
        self.drawn = self.augmenter.drawn(1, self.rows)
        self.x, _ = self.samples.batch(self.rows)

    def step(self) -> None:
        self.results()

    def results(self) -> list[numpy.ndarray]:
        """Return the batch."""
        x = self.samples.batch(self.rows)[0] if self.case.bytes else self.x
        return [self.augmenter.apply(x, self.labels, self.drawn, 1)[0]]


class Theirs:
    """The same in PyTorch, in one of several ways to write it."""

    def __init__(self, name: str, batch: int, form: str) -> None:
        import torch

        ours = Ours(name, batch)
        self.case, (self.c, self.h, self.w), self.n = ours.case, ours.case.shape, batch
        self.session: Callable[[], AbstractContextManager[Any]] = torch.inference_mode
        self.raw, self.order = torch.from_numpy(ours.raw), torch.from_numpy(ours.rows)
        self.mean, self.std = (
            torch.from_numpy(a.reshape(1, -1, 1, 1)) for a in (ours.mean, ours.std)
        )
        self.x = torch.from_numpy(numpy.array(ours.x, order="C"))
        self.torch, self.functional = torch, torch.nn.functional
        ways = WAYS[self.case.bytes]
        if form not in ways:
            raise BackendError(f"{form} is no way of this case\nTry: {', '.join(ways)}")
        self.way = ways[form]
        if self.case.bytes:
            crop, flip = ours.drawn
            self.top, self.left = (torch.from_numpy(crop[:, k].astype("int64")) for k in (0, 1))
            self.flip = torch.from_numpy(flip[:, 0] > 0)
        else:
            (maps,) = ours.drawn
            self.theta = torch.from_numpy(theta(maps, self.h, self.w))
            everywhere = torch.eye(2, 3).expand(1, 2, 3)
            base = self.functional.affine_grid(everywhere, [1, 1, self.h, self.w], True)
            ones = torch.ones(self.h * self.w, 1)
            self.base = torch.cat([base.reshape(-1, 2), ones], 1)  # (h w, 3)

    def step(self) -> None:
        self.y = self.way(self)

    def results(self) -> list[numpy.ndarray]:
        """Return the batch."""
        with self.session():
            self.step()
            return [self.y.numpy()]

    def taken(self) -> Any:
        """Return normalised samples."""
        return self.raw[self.order].float().sub_(self.mean).div_(self.std)

    def places(self) -> tuple[Any, Any]:
        """Return which row (n, h, 1) and column (n, 1, w) of the samples each pixel is."""
        rows = self.top[:, None] + self.torch.arange(self.h)
        columns = self.torch.arange(self.w).expand(self.n, self.w)
        columns = self.torch.where(self.flip[:, None], self.w - 1 - columns, columns)
        return rows[:, :, None], (self.left[:, None] + columns)[:, None, :]


def theta(maps: numpy.ndarray, h: int, w: int) -> numpy.ndarray:
    """Return maps as `affine_grid` takes them: columns first, from -1 to 1."""
    m00, m01, m10, m11, o0, o1 = maps.T
    high, wide = (h - 1) / 2, (w - 1) / 2
    rows = [[m11, m10 * high / wide, o1 / wide], [m01 * wide / high, m00, o0 / high]]
    return numpy.ascontiguousarray(numpy.asarray(rows, "float32").transpose(2, 0, 1))


def affine_grid(side: Theirs) -> Any:
    grid = side.functional.affine_grid(side.theta, list(side.x.shape), align_corners=True)
    return side.functional.grid_sample(side.x, grid, align_corners=True)


def matmul(side: Theirs) -> Any:
    """The grid of all pixels is made once."""
    grid = side.torch.matmul(side.base, side.theta.transpose(1, 2))
    grid = grid.reshape(side.n, side.h, side.w, 2)
    return side.functional.grid_sample(side.x, grid, align_corners=True)


def gather(side: Theirs) -> Any:
    """Take the pixels of padded samples by their numbers."""
    rows, columns = side.places()
    wide = side.w + 2 * PAD
    at = ((rows + PAD) * wide + columns + PAD).reshape(side.n, 1, -1)
    padded = side.functional.pad(side.taken(), (PAD,) * 4).reshape(side.n, side.c, -1)
    return padded.gather(2, at.expand(-1, side.c, -1)).reshape(side.n, side.c, side.h, side.w)


def gather_bytes(side: Theirs) -> Any:
    """Take bytes by their numbers, before they become floating, and set what is outside to 0."""
    rows, columns = side.places()
    outside = (rows < 0) | (rows >= side.h) | (columns < 0) | (columns >= side.w)
    at = rows.clamp(0, side.h - 1) * side.w + columns.clamp(0, side.w - 1)
    at = at.reshape(side.n, 1, -1).expand(-1, side.c, -1)
    taken = side.raw[side.order].reshape(side.n, side.c, -1).gather(2, at)
    y = taken.reshape(side.n, side.c, side.h, side.w).float().sub_(side.mean).div_(side.std)
    return y.masked_fill_(outside[:, None], 0.0)


def windows(side: Theirs) -> Any:
    """Take a window of each padded sample; mirror all, and choose."""
    padded = side.functional.pad(side.taken(), (PAD,) * 4)
    seen = padded.unfold(2, side.h, 1).unfold(3, side.w, 1)  # (n, c, 9, 9, h, w)
    y = seen[side.torch.arange(side.n), :, PAD + side.top, PAD + side.left]
    return side.torch.where(side.flip[:, None, None, None], y.flip(3), y)


def loop(side: Theirs) -> Any:
    """Slice the samples one by one."""
    padded = side.functional.pad(side.taken(), (PAD,) * 4)
    y = side.torch.empty(side.n, side.c, side.h, side.w)
    draws = zip(side.top.tolist(), side.left.tolist(), side.flip.tolist(), strict=True)
    for i, (top, left, is_mirrored) in enumerate(draws):
        down, across = top + PAD, left + PAD
        seen = padded[i, :, down : down + side.h, across : across + side.w]
        y[i] = seen.flip(2) if is_mirrored else seen
    return y


WAYS: dict[bool, dict[str, Callable[[Theirs], Any]]] = {
    False: {"affine_grid": affine_grid, "matmul": matmul},
    True: {"gather": gather, "gather_bytes": gather_bytes, "windows": windows, "loop": loop},
}
"""How PyTorch's side is written, of images that are already normalised and of bytes."""
FORMS = tuple(form for ways in WAYS.values() for form in ways)


def compare(name: str, batch: int) -> None:
    """Require that all ways of a case compute the same."""
    for form in WAYS[CASES[name].bytes]:
        theirs = Theirs(name, batch, form)
        require_agreement(f"{name}, {form}", Ours(name, batch), theirs, TOLERANCE)


if __name__ == "__main__":
    serve(opener(Ours, Theirs))
