"""`xpcnn pack`: pictures decoded once, so that training does not wait for it."""

from typing import Literal

import click

from xpcnn.cli.options import (
    json_option,
    label_column_option,
    option,
    quiet_option,
    skip_damaged_option,
    task_option,
)
from xpcnn.errors import counted


@click.command("pack")
@click.argument("source", metavar="FOLDER|FILE")
@click.argument("out", metavar="OUT")
@option(
    "--image-size",
    metavar="H,W",
    text="Size that pictures are brought to; by default chosen from them, as in training.",
)
@option(
    "--image-fit",
    type=click.Choice(["pad", "crop"]),
    text="How pictures are brought to that size: pad (default) or crop, as in training.",
)
@option(
    "--shard-mb",
    type=click.IntRange(1),
    default=1024,
    text="Size of each file of images in MiB; by default 1024.",
)
@label_column_option
@task_option
@skip_damaged_option
@quiet_option
@json_option
def command(
    source: str,
    out: str,
    image_size: str | None,
    image_fit: Literal["pad", "crop"] | None,
    shard_mb: int,
    label_column: str | None,
    task: str | None,
    skip_damaged: bool | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Decode pictures once, so that training need not.

    Writes the pictures of a folder, of tar shards, of Parquet files, or of a CSV file with their
    names, as arrays into the folder OUT, which is a data set for --dataset: its images are mapped
    into memory. A pack that was interrupted resumes after the last whole file of images. Uses every
    core. Needs pip install 'xpcnn[images]'.
    """
    import time

    from tqdm import tqdm  # type: ignore[import-untyped]  # it ships no types

    from xpcnn.cli.flag_parsing import image_size as as_size
    from xpcnn.cli.output import answer, say, to_json
    from xpcnn.cli.run_data import task_name
    from xpcnn.data.contents import ReadOptions
    from xpcnn.data.files import user_path
    from xpcnn.data.path_contents import streams
    from xpcnn.data.streams.stream import replaced
    from xpcnn.errors import ConfigError, hint
    from xpcnn.io.packing import pack

    start = time.perf_counter()
    if user_path(out).resolve().is_relative_to(user_path(source).resolve()):
        message = f"{out} lies in {source}, whose folders are classes"
        raise ConfigError(hint(message, "a folder beside it"))
    options = ReadOptions(
        as_size(image_size),
        label_column,
        skip_damaged=bool(skip_damaged),
        image_fit=image_fit,
        stream=True,
        task=task_name(task),
    )
    found = streams(user_path(source), options)
    parts = found.parts
    for note in found.notes:
        say(f"note: {note}", quiet)
    assert found.classes is not None
    total = sum(len(labels) for _, labels in parts.values())
    with tqdm(total=total, unit="image", leave=False, disable=None if not quiet else True) as bar:
        done = pack(parts, found.classes, user_path(out), bar.update, shard_mb, found.task)
    notes = []
    if done.damaged:
        left_out = f"damaged pictures left out: {len(done.damaged)}; the first: {done.damaged[0]}"
        notes = [replaced(done.damaged) if found.task == "classification" else left_out]
        say(f"note: {notes[0]}", quiet)
    h, w = done.pack.reading.size
    seconds = time.perf_counter() - start
    facts = {
        "out": out,
        "images": dict(done.pack.images),
        "before": done.before,
        "classes": len(done.pack.classes),
        "image_size": [h, w],
        "bytes": done.bytes,
        "shards": done.pack.shards,
        "notes": [*found.notes, *notes],
        "seconds": seconds,
    }
    before = f", {done.before:,} of them before" if done.before else ""
    text = (
        f"packed {counted(total, 'image')} of {h} x {w}{before}: "
        f"{done.bytes / 1e6:,.1f} MB in {out}, {seconds:.1f} s\nnext: xpcnn train --dataset {out}"
    )
    answer(to_json(facts) if as_json else text)
