"""Several runs side by side: how they ended, and what differs in how they were made."""

from collections.abc import Sequence
from typing import Any

from xpcnn.report.reported_run import Run, number
from xpcnn.runs import differing
from xpcnn.runs.comparison import shown


def compared(runs: Sequence[Run]) -> dict[str, Any]:
    """Return tables of several runs: how they ended, and a row for each option that differs."""
    return {
        "header": (
            *("run", "epochs", "loss", "validation loss", "validation accuracy"),
            *("test accuracy", "parameters", "seconds"),
        ),
        "rows": [_row(run) for run in runs],
        "names": ("", "option", *(run.name for run in runs)),
        "differences": [
            (found.section, found.key, *map(shown, found.values))
            for found in differing([run.record for run in runs])
        ],
    }


def unlike_data(runs: Sequence[Run]) -> str | None:
    """Return the note that the runs have different training samples; None if they have the same.

    Those of one data set differ with the seed, which splits the validation part off, and in folds.
    """
    if len({run.record.provenance.get("data_hash") for run in runs}) < 2:
        return None
    names = sorted({run.data for run in runs})
    if len(names) > 1:
        data = f"different data ({', '.join(names)})"
        return f"The runs were trained on {data}: their figures are not comparable."
    parts = f"different parts of {names[0]}, and perhaps validated on different ones"
    return f"The runs were trained on {parts}: small differences of figures may come from that."


def _row(run: Run) -> tuple[str, ...]:
    last = run.record.epochs[-1] if len(run) else {}
    return (
        run.name,
        str(len(run)),
        *(number(last.get(name)) for name in ("loss", "val_loss", "val_accuracy")),
        number(run.test.get("accuracy")),
        f"{run.model.summary().parameters:,}",
        number(run.seconds, ".1f"),
    )
