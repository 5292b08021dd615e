"""Help of a command with many flags: in groups, and the values of a choice as choices."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

OTHERS = "Other"
"""The group of flags that no group names, such as --help."""


class Grouped(click.Command):
    """A command whose help shows flags in groups: title -> long flags without dashes, in order."""

    def __init__(self, *args: Any, groups: Mapping[str, Sequence[str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.groups = groups

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section for each group."""
        params = {param.opts[-1].lstrip("-"): param for param in self.get_params(ctx)}
        named = {name for names in self.groups.values() for name in names}
        groups = {**self.groups, OTHERS: [name for name in params if name not in named]}
        for title, names in groups.items():
            records = (params[name].get_help_record(ctx) for name in names if name in params)
            rows = [_wrapped(*record, formatter.width) for record in records if record]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows, col_max=26)


def _wrapped(flag: str, text: str, width: int) -> tuple[str, str]:
    """Break the choices of a flag that is wider than the page, at their bars."""
    if len(flag) + 4 <= width or "[" not in flag:
        return flag, text
    start = flag.index("[") + 1
    lines, line = [], flag[:start]
    for choice in flag[start:].split("|"):
        end = choice if choice.endswith("]") else f"{choice}|"
        if len(line) + len(end) + 4 > width:
            lines.append(line)
            line = " " * (start + 2)
        line += end
    return "\n".join([*lines, line]), text
