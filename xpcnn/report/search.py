"""A search for hyperparameters, as reports show it: figures, and a table of the trials."""

import shlex
from pathlib import Path
from typing import Any

from markupsafe import Markup

from xpcnn.errors import counted, figure_name
from xpcnn.figures import svg
from xpcnn.figures.trials import trial_curves, trials_by_value
from xpcnn.report.reported_run import number
from xpcnn.report.templates import render
from xpcnn.runs import Search
from xpcnn.runs.comparison import shown
from xpcnn.version import VERSION


def search_page(folder: Path, search: Search) -> str:
    """Return a page about a search alone."""
    name, parts = folder.absolute().name, search_parts(folder, search)
    return render("search.html", title=name, search=parts, version=VERSION)


def search_parts(folder: Path, search: Search) -> dict[str, Any]:
    """Return what the template `trials.html` shows of a search.

    folder: as it is named in commands.
    """
    trials, best, keys = search.trials, search.best, list(search.ranges)
    metric = _in_words(search.metric)
    rows = [
        (
            *(str(trial.trial), trial.state),
            *(number(trial.value), str(trial.epochs), number(trial.seconds, ".1f")),
            *(shown(trial.values.get(key, "–")) for key in keys),
        )
        for trial in search.ranked
    ]
    states = [trial.state for trial in trials]
    return {
        "name": folder.absolute().name,
        "numbers": [
            (f"best {metric}", number(None if best is None else best.value)),
            ("trials", str(len(trials))),
            ("complete", str(states.count("complete"))),
            ("pruned", str(states.count("pruned"))),
            ("failed", str(states.count("fail"))),
            ("training", f"{sum(trial.seconds or 0.0 for trial in trials):.1f} s"),
        ],
        "figures": _figures(search),
        "header": ("trial", "state", metric, "epochs", "seconds", *keys),
        "rows": rows,
        "errors": [(str(t.trial), t.error) for t in trials if t.error is not None],
        "command": shlex.join(["xpcnn", "train", "--config", str(folder / "best.toml")]),
    }


def _in_words(metric: str) -> str:
    return figure_name(metric).replace("val ", "validation ", 1)


def _figures(search: Search) -> list[Markup]:
    """Return the figure over the epochs, and by each key, as SVG."""
    trials, metric = [trial for trial in search.trials if trial.curve], _in_words(search.metric)
    if not trials:
        return []
    best = trials.index(search.best) if search.best in trials else None
    complete = [trial.state == "complete" for trial in trials]
    curves = trial_curves([trial.curve for trial in trials], complete, best, metric)
    found = [Markup(svg(curves, f"{metric} of {counted(len(trials), 'trial')} over epochs"))]
    for key, choice in search.ranges.items():
        tried = [trial for trial in trials if key in trial.values]
        if tried:
            figure = trials_by_value(
                [trial.values[key] for trial in tried],
                [trial.value for trial in tried],
                [trial.state == "complete" for trial in tried],
                tried.index(search.best) if search.best in tried else None,
                key,
                metric,
                isinstance(choice, dict) and choice.get("log") is True,
            )
            found.append(
                Markup(svg(figure, f"{metric} of {counted(len(tried), 'trial')} by {key}"))
            )
    return found
