"""`xpcnn info`: what the program runs on."""

from typing import Any

import click

from xpcnn.cli.options import json_option


@click.command("info")
@json_option
def command(as_json: bool) -> None:
    """Show versions, BLAS, threads, kernels, dtypes, GPUs and folders."""
    from xpcnn.cli.output import answer, to_json
    from xpcnn.environment import describe

    facts = describe()
    answer(to_json(facts) if as_json else "\n".join(_lines(facts)))


def _lines(facts: dict[str, Any], indent: str = "") -> list[str]:
    """Return nested facts as `name: value` lines; empty tables are left out."""
    lines = []
    for name, value in facts.items():
        if value == {}:
            continue
        if isinstance(value, dict):
            lines += [f"{indent}{name}:", *_lines(value, f"{indent}  ")]
        else:
            lines.append(f"{indent}{name}: {'not installed' if value is None else value}")
    return lines
