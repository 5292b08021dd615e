"""`xpcnn diff`: what differs between two runs."""

import click

from xpcnn.cli.options import json_option


@click.command("diff")
@click.argument("first", metavar="RUN")
@click.argument("second", metavar="RUN")
@json_option
def command(first: str, second: str, as_json: bool) -> None:
    """Show how two runs differ, and where their losses first differ.

    Compares configuration, network, data and environment, key by key; then names the first epoch or
    update with a loss or accuracy that is not the same to the last bit, and by how much it differs.
    Of two finished runs, it also says whether their weights are the same to the last bit.
    RUN is a run folder, finished or not.
    """
    from xpcnn.cli.output import answer, to_json
    from xpcnn.runs import compare_runs, read_run

    found = compare_runs(read_run(first), read_run(second))
    answer(to_json(found.as_dict()) if as_json else str(found))
