"""Data sets: labelled images on the host, with the files they come from.

`load` returns the training and the test part of a named data set or of a path, `load_parts` also
the validation part, `load_whole` all samples of a path; `Dataset.from_arrays`, `from_samples` and
`from_batches` make a data set from arrays; `split` splits off a validation part, `fold` one fold of
several; `preflight` finds likely mistakes. Modules that read files are imported when they are used.
"""

from xpcnn.data import augment
from xpcnn.data.dataset import Dataset
from xpcnn.data.generator_batches import from_batches
from xpcnn.data.loading import Parts, is_path, load, load_parts, load_whole
from xpcnn.data.named_sets import NAMES, known
from xpcnn.data.preflight_checks import Finding, preflight
from xpcnn.data.sample_pairs import from_samples
from xpcnn.data.validation_split import fold, split

__all__ = [
    "NAMES",
    "Dataset",
    "Finding",
    "Parts",
    "augment",
    "fold",
    "from_batches",
    "from_samples",
    "is_path",
    "known",
    "load",
    "load_parts",
    "load_whole",
    "preflight",
    "split",
]
