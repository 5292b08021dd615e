"""Files of data that are not read, and how to turn them into files that are.

Nothing here opens them: their libraries are no dependencies, and a pickle may run any code.
"""

from pathlib import PurePath

READ = "a .csv, .npz, .tar or .parquet file, or a folder with a folder for each class"

_SAVE = 'numpy.savez("data.npz", images={}, labels={})'

_ADVICE = (
    (
        (".mat",),
        "in Python, as for SVHN, whose label 10 is the digit 0: d = scipy.io.loadmat({name}); "
        + _SAVE.format('d["X"].transpose(3, 0, 1, 2)', 'd["y"] % 10'),
    ),
    (
        (".npy",),
        "in Python, of two such files: "
        + _SAVE.format('numpy.load("images.npy")', 'numpy.load("labels.npy")'),
    ),
    (
        (".h5", ".hdf5"),
        "in Python: d = h5py.File({name}); " + _SAVE.format('d["images"][:]', 'd["labels"][:]'),
    ),
    (
        (".pt", ".pth"),
        "in Python, of two tensors: images, labels = torch.load({name}); "
        + _SAVE.format("images.numpy()", "labels.numpy()"),
    ),
    (
        (".pkl", ".pickle", ""),
        "in Python, as for a pickle of CIFAR, if you trust it: "
        'd = pickle.loads(pathlib.Path({name}).read_bytes(), encoding="latin1"); '
        + _SAVE.format('d["data"].reshape(-1, 3, 32, 32)', 'd["labels"]'),
    ),
    (
        (".arrow",),
        'in Python: datasets.load_from_disk({folder}).to_parquet("train.parquet")',
    ),
    ((".txt", ".dat"), "a name that ends in .csv, if it has a row for each image"),
    ((".xls", ".xlsx", ".ods"), "save it as a .csv file"),
    (
        (".json", ".jsonl", ".xml"),
        "a .csv file with the columns file and label, a row for each picture",
    ),
    (
        (".zip", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar"),
        "unpack it, and give the folder or file that was in it",
    ),
)
"""Endings, and statements in Python or what else to do; name and folder are texts in quotes."""


def advice(path: PurePath) -> str:
    """Return what to do with a file that is not read, by its ending; `READ` for unknown ones."""
    ending = path.suffix.lower()
    text = next((text for endings, text in _ADVICE if ending in endings), READ)
    return text.format(name=repr(str(path)), folder=repr(str(path.parent)))
