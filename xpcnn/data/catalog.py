"""The public data sets: class names, files, and where to download them.

SHA-256 sums are of the unpacked content where that is known, for a mirror may have packed it anew,
and else of the published file (the sums that TensorFlow Datasets keeps, too). A mirror is only a
place to get the bytes from: what comes must have the right sum.
"""

from dataclasses import dataclass
from typing import Literal

from xpcnn.data import cifar


@dataclass(frozen=True)
class Remote:
    """A file to download, and the SHA-256 of its unpacked content or of the file itself."""

    name: str
    sha256: str
    of: Literal["content", "file"]


@dataclass(frozen=True)
class Entry:
    """A data set: class names in the order of the labels, addresses to put a file's name after."""

    classes: tuple[str, ...]
    mirrors: tuple[str, ...]
    files: tuple[Remote, ...]
    layout: cifar.Layout | None = None  # None: IDX files


def _idx(of: Literal["content", "file"], *sums: str) -> tuple[Remote, ...]:
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    return tuple(
        Remote(f"{name}-ubyte.gz", sha256, of) for name, sha256 in zip(names, sums, strict=True)
    )


_ARCHIVED = "https://web.archive.org/web/2024id_/"  # the bytes as they were at that address in 2024
_TORONTO = "https://www.cs.toronto.edu/~kriz/"
_CODH = "http://codh.rois.ac.jp/kmnist/dataset/kmnist/"
_CIFAR100 = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle
bowl boy bridge bus butterfly camel can castle caterpillar cattle
chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur
dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard
lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain
mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree
plain plate poppy porcupine possum rabbit raccoon ray road rocket
rose sea seal shark shrew skunk skyscraper snail snake spider
squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor
train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""

ENTRIES = {
    "mnist": Entry(
        classes=tuple("0123456789"),
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        files=_idx(
            "content",
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ),
    "fashion-mnist": Entry(
        classes=(
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
        mirrors=(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ),
        files=_idx(
            "content",
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    ),
    "kmnist": Entry(
        classes=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
        mirrors=(_CODH, _ARCHIVED + _CODH),
        files=_idx(
            "file",
            "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
            "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
            "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
            "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
        ),
    ),
    "cifar10": Entry(
        classes=(
            *("airplane", "automobile", "bird", "cat", "deer"),
            *("dog", "frog", "horse", "ship", "truck"),
        ),
        mirrors=(
            _TORONTO,
            "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/",
            _ARCHIVED + _TORONTO,
        ),
        files=(
            Remote(
                cifar.CIFAR10.archive,
                "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                "file",
            ),
        ),
        layout=cifar.CIFAR10,
    ),
    "cifar100": Entry(
        classes=tuple(_CIFAR100.split()),
        mirrors=(_TORONTO, _ARCHIVED + _TORONTO),
        files=(
            Remote(
                cifar.CIFAR100.archive,
                "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
                "file",
            ),
        ),
        layout=cifar.CIFAR100,
    ),
}
