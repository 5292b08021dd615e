"""Many pictures as one data set: the mode and the size of all, and what is said of it."""

from pathlib import Path

import numpy
import pytest

from tests.data.small_pictures import picture, png
from xpcnn.data import load, picture_sets
from xpcnn.data.picture_sets import read_set, reading_of_some
from xpcnn.data.pictures import read_picture
from xpcnn.data.reading import Pictures
from xpcnn.errors import DataError

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")

NOISE = numpy.random.default_rng(0)


def grey(value: int, h: int = 3, w: int = 3) -> numpy.ndarray:
    return numpy.full((h, w), value)


def colour(value: int, h: int = 3, w: int = 3) -> numpy.ndarray:
    return numpy.stack([grey(value, h, w), grey(0, h, w), grey(0, h, w)], axis=2)


def test_the_mode_is_what_all_pictures_need(tmp_path: Path) -> None:
    one = picture(tmp_path / "one.png", grey(7))
    same = picture(tmp_path / "rgb.png", numpy.stack([grey(8)] * 3, axis=2))  # grey, as RGB
    red = picture(tmp_path / "red.png", colour(9))
    deep = picture(tmp_path / "deep.png", grey(300), numpy.uint16)
    assert read_set([one, same]).reading == Pictures("L", (3, 3))
    assert read_set([one, same]).images[:, 0, 0, 0].tolist() == [7, 8]
    assert read_set([one, red]).images[:, :, 0, 0].tolist() == [[7, 7, 7], [9, 0, 0]]
    found = read_set([one, deep])
    assert found.reading == Pictures("I;16", (3, 3))
    assert (found.images.dtype.name, found.notes) == ("float32", ())
    assert found.images[:, 0, 0, 0].tolist() == [7 * 257, 300]


def test_bits_that_are_lost_are_told(tmp_path: Path) -> None:
    red = picture(tmp_path / "red.png", colour(9))
    deep = picture(tmp_path / "deep.png", grey(300), numpy.uint16)
    note = "pictures with 16 bits a value are read with 8 bits a value"
    assert read_set([red, deep, red]).notes == (f"{note} (1 of 3)",)
    coloured = png(tmp_path / "16.png", 3, b"\x12\x34\x56\x78\x9a\xbc", depth=16, colour=2)
    assert read_set([coloured, red]).notes == (f"{note} (1 of 2)",)
    assert read_set([coloured]).images[0, :, 0, 0].tolist() == [0x12, 0x56, 0x9A]


def test_floats_are_not_mixed_with_others(tmp_path: Path) -> None:
    depth = picture(tmp_path / "depth.tif", grey(2), numpy.float32)
    assert read_set([depth, depth]).reading == Pictures("F", (3, 3))
    flat = picture(tmp_path / "flat.png", grey(2))
    with pytest.raises(DataError) as caught:
        read_set([flat, depth])
    assert str(caught.value) == (
        f"{depth}: its values are floats, and those of {flat} are whole numbers from black to "
        "white\nTry: pictures of one kind"
    )
    deep = picture(tmp_path / "deep.tif", grey(2), numpy.int32)
    assert read_set([depth, deep]).reading == Pictures("F", (3, 3))
    with pytest.raises(DataError, match=r"deep\.tif: its values are of 32 bits, and those of"):
        read_set([flat, deep])


def test_other_formats(tmp_path: Path) -> None:
    paths = [
        picture(tmp_path / f"0.{suffix}", grey(200, 16, 16))
        for suffix in ("jpg", "bmp", "gif", "webp", "ppm")
    ]
    found = read_set(paths)
    assert found.images.shape == (5, 1, 16, 16)
    assert numpy.abs(found.images.astype(int) - 200).max() <= 1


def fitted_to(h: int, w: int) -> str:
    return f"{h} x {w}; --image-size H,W (image_size=(h, w)) chooses another size"


@pytest.mark.parametrize(
    ("sizes", "chosen", "said"),
    [
        ([(30, 20)] * 3, (30, 20), ""),
        ([(128, 128)] * 2, (128, 128), ""),
        ([(200, 400)] * 2, (16, 32), "pictures of 200 x 400 are"),
        (
            [(8, 8), (9, 13), (9, 10)],
            (8, 8),
            "pictures of several sizes, 8 x 8 to 9 x 13 (height x width), are",
        ),
        (
            [(300, 400), (400, 300), (310, 300)],
            (32, 32),
            "pictures of several sizes, 300 x 300 to 400 x 400 (height x width), are",
        ),
    ],
)
def test_a_size_is_chosen_from_the_data(
    tmp_path: Path, sizes: list[tuple[int, int]], chosen: tuple[int, int], said: str
) -> None:
    paths = [picture(tmp_path / f"{i}.png", grey(i, *size)) for i, size in enumerate(sizes)]
    found = read_set(paths)
    assert found.reading == Pictures("L", chosen)
    assert found.images.shape == (len(sizes), 1, *chosen)
    assert found.notes == ((f"{said} fitted to {fitted_to(*chosen)}",) if said else ())
    assert read_set(paths, (5, 4), "crop").reading == Pictures("L", (5, 4), "crop")
    assert read_set(paths, (5, 4)).notes == ()


def test_damaged_pictures_are_left_out_and_told(tmp_path: Path) -> None:
    good = [picture(tmp_path / f"{i}.png", NOISE.integers(0, 255, (40, 40))) for i in range(2)]
    cut = tmp_path / "cut.png"
    cut.write_bytes(good[0].read_bytes()[:700])  # its header is whole
    empty = tmp_path / "empty.png"
    empty.write_bytes(b"")
    found = read_set([empty, good[0], cut, good[1]])
    assert found.kept == (1, 3)
    assert len(found.images) == 2
    assert [str(error).split(":")[0] for error in found.damaged] == [str(empty), str(cut)]
    for bad in ([empty], [cut, cut]):
        with pytest.raises(DataError, match=bad[0].name):
            read_set(bad)


@pytest.mark.parametrize(("name", "limit"), [("_LIMIT", 53), ("host_memory", lambda: 53)])
def test_pictures_that_take_too_much_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, limit: object
) -> None:
    paths = [picture(tmp_path / "0.png", grey(1)), picture(tmp_path / "1.png", colour(1))]
    monkeypatch.setattr(picture_sets, name, limit)
    with pytest.raises(DataError) as caught:
        read_set(paths)
    assert str(caught.value) == (
        "2 pictures of 3 x 3 pixels take 54 bytes, more than the 53 that they may\n"
        "Try: --stream yes, or --image-size with fewer pixels, such as 64,64"
    )


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
@pytest.mark.parametrize("kind", ["grey", "rgb", "noisy rgb", "deep"])
def test_a_picture_is_read_again_as_it_was_for_training(
    tmp_path: Path, suffix: str, kind: str
) -> None:
    """Bit for bit, whatever the sizes: what `predict` sees of a file is what `train` saw."""
    if (kind, suffix) == ("deep", "jpg"):
        pytest.skip("JPEG has no 16 bits")
    for i in range(12):
        h, w = NOISE.integers(5, 90, 2)
        pixels = NOISE.integers(0, 60_000 if kind == "deep" else 256, (h, w))
        if kind.endswith("rgb"):
            pixels = numpy.stack([pixels] * 3, axis=2)
            if kind == "noisy rgb":
                pixels = NOISE.integers(0, 256, (h, w, 3))
        dtype = numpy.uint16 if kind == "deep" else numpy.uint8
        picture(
            tmp_path / ("train", "test")[i % 3 // 2] / "ab"[i % 2] / f"{i}.{suffix}", pixels, dtype
        )
    train, test = load(tmp_path)
    reading = train.reading
    assert reading is not None
    assert reading.shape == train.shape
    again = {
        (read_picture(path, reading).sample.tobytes(), name)
        for name in "ab"
        for path in tmp_path.glob(f"*/{name}/*")
    }
    seen = {
        (image.tobytes(), train.classes[label])
        for part in (train, test)
        for image, label in zip(part.images, part.labels, strict=True)
    }
    assert seen == again
    assert len(seen) == 12


@pytest.mark.parametrize("name", ["a.gif", "a.tif", "a.png", "a.webp"])
def test_the_first_frame_of_several_is_read_and_told(name: str, tmp_path: Path) -> None:
    first, second = (Image.fromarray(numpy.full((16, 16), x, numpy.uint8)) for x in (200, 10))
    first.save(tmp_path / name, save_all=True, append_images=[second], lossless=True)
    one = picture(tmp_path / "b.png", grey(200, 16, 16))
    found = read_set([tmp_path / name, one])
    assert (found.images == 200).all()
    note = "of files with several frames the first is read (1 of 2)"
    assert found.notes == (note,)
    assert reading_of_some([tmp_path / name, one], None, "pad")[1] == (note,)
    assert read_set([one]).notes == ()


def test_further_pictures_in_a_file_of_a_camera_are_not_told(tmp_path: Path) -> None:
    """They are other forms of the first, such as a preview."""
    first, second = (Image.fromarray(numpy.full((16, 16), x, numpy.uint8)) for x in (200, 10))
    first.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[second])
    with Image.open(tmp_path / "a.jpg") as opened:
        assert (opened.format, opened.n_frames) == ("MPO", 2)
    found = read_set([tmp_path / "a.jpg"])
    assert found.notes == ()
    assert (found.images == 200).all()
