"""The record of a run: the files of its folder as plain values. Writes nothing, trusts no file."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xpcnn.config import toml
from xpcnn.data.files import is_there, open_regular, shown
from xpcnn.errors import CheckpointError, ConfigError, hint
from xpcnn.io import network_file

CONFIG = "config.toml"
NETWORK = "model.toml"
MODEL = "model.safetensors"
ENVIRONMENT = "environment.json"
METRICS = "metrics.jsonl"

LIMIT = 1 << 26
"""Bytes of a JSON file that are read."""


@dataclass(frozen=True)
class Record:
    """The contents of a run folder.

    path: the folder.
    config, network, environment: the tables in config.toml, model.toml and environment.json.
    lines: the lines of metrics.jsonl, a table for every epoch and validation.
    provenance: provenance in the model file; empty if the run has not ended.
    """

    path: Path
    config: Mapping[str, Any]
    network: Mapping[str, Any]
    environment: Mapping[str, Any]
    lines: tuple[Mapping[str, Any], ...]
    provenance: Mapping[str, Any]

    @property
    def name(self) -> str:
        return self.path.absolute().name

    @property
    def epochs(self) -> list[Mapping[str, Any]]:
        """The lines of whole epochs, in order."""
        return [line for line in self.lines if "epoch" in line]


def read_run(folder: str | Path) -> Record:
    """Return the record of a run folder.

    Raises:
        CheckpointError: it is not a run folder, or a file in it cannot be read.
    """
    path = check_run(Path(folder))
    try:
        config = toml.parse(toml.read(path / CONFIG))
        network = toml.parse(toml.read(path / NETWORK))
    except ConfigError as error:
        raise CheckpointError(f"{shown(path)}: {error}") from error
    environment, metrics = _text(path / ENVIRONMENT), _text(path / METRICS)
    provenance: Mapping[str, Any] = {}
    if (path / MODEL).is_file():
        provenance = network_file.read(path / MODEL)[0].provenance
    return Record(
        path,
        config,
        network,
        _table(path / ENVIRONMENT, environment) if environment else {},
        tuple(_table(path / METRICS, line) for line in metrics.splitlines() if line.strip()),
        provenance,
    )


def check_run(path: Path) -> Path:
    """Return the folder of a run.

    Raises:
        CheckpointError: it is none.
    """
    if is_there(path / CONFIG, CheckpointError) and os.path.isfile(path / CONFIG):
        return path
    advice = "a folder that `xpcnn train` made, such as runs/..."
    if os.path.isfile(path):
        what = "it is a file"
        if (path.parent / CONFIG).is_file():
            advice = f"the folder {path.parent}"
    else:
        what = f"it has no {CONFIG}" if os.path.isdir(path) else "there is no such folder"
    raise CheckpointError(hint(f"{shown(path)} is not a run folder: {what}", advice))


def json_table(path: Path) -> Mapping[str, Any]:
    """Return the table in a JSON file.

    Raises:
        CheckpointError: the file does not hold a table.
    """
    return _table(path, _text(path))


def _text(path: Path) -> str:
    """Return the text of a file; "" where there is none."""
    if not is_there(path, CheckpointError):
        return ""
    with open_regular(path, CheckpointError) as file:
        content = file.read(LIMIT + 1)
    if len(content) > LIMIT:
        message = f"{shown(path)}: more than {LIMIT:,} bytes"
        raise CheckpointError(hint(message, "the file that the run wrote"))
    return content.decode(errors="replace")


def _table(path: Path, text: str) -> Mapping[str, Any]:
    """Return the table of a JSON text.

    Raises:
        CheckpointError: it is none.
    """
    try:
        table = json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = str(error).partition(":")[0]
        message = f"{shown(path)}: not valid JSON: {reason}"
        raise CheckpointError(hint(message, "the file that the run wrote")) from None
    if not isinstance(table, dict):
        message = f"{shown(path)}: holds a {type(table).__name__}, expected a table"
        raise CheckpointError(hint(message, "the file that the run wrote"))
    return table
