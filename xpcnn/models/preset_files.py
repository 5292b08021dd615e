"""Presets by name and by path of their TOML file; `xpcnn.models` says what a file holds."""

from pathlib import Path

from xpcnn.config import toml
from xpcnn.config.preset import Preset, build
from xpcnn.data.files import as_path
from xpcnn.errors import ConfigError, hint, nearest, prefix_errors
from xpcnn.options import find

_FOLDER = Path(__file__).parent


def names() -> tuple[str, ...]:
    """Return the names of the presets that come with the package."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


def preset(name: str | Path) -> Preset:
    """Return a preset by name, whatever its case, or that of a file whose name ends in `.toml`.

    Raises:
        ConfigError: there is none, or the file is not valid; says where and what is.
        ShapeError: the layers in the file do not fit together.
    """
    path = as_path(name, "the name of a model")
    name = str(name)
    if not name.endswith(".toml"):
        known = find(name, names())
        if known is None:
            advice = f"{nearest(name, names())}, or the path of a .toml file"
            raise ConfigError(hint(f"unknown model {name!r}", advice))
        name, path = known, _FOLDER / f"{known}.toml"
    source = toml.read(path, f"check the path, or {nearest('', names())}")
    with prefix_errors(name):
        table = toml.parse(source)
        if "dataset" in table and "layers" not in table:
            advice = f"--config {name}; or the model.toml beside it, the network of the run"
            raise ConfigError(hint("describes a run, not a network", advice))
    return build(path.stem, table, source, name)
