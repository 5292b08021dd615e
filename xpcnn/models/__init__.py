"""Presets: ready networks with the options to train them, each a TOML file to copy and change.

    model = preset("small").for_data((1, 28, 28), 10)

A file has `input_shape` and `classes`, the data that the network is made for; `layers`, one table
for each layer in the form of `config.registry`; `loss`; `[training]`, what `Model.fit` takes, with
"none" for None; and `name`, by default the file's. The rule for other data: `units = "classes"` (or
`filters = "classes"`) stands for the number of classes of the data, all else stays as written, and
sizes between layers are inferred. A file whose outputs do not match its classes is rejected, as are
unknown names, with the nearest valid one.
"""

from xpcnn.config.preset import Preset
from xpcnn.models.preset_files import names, preset

__all__ = ["Preset", "names", "preset"]
