"""`--dry-run`, `--find-lr`, `--overfit-one-batch`: each in place of a run. Writes nothing."""

from dataclasses import asdict
from typing import Any

import numpy

from xpcnn.cli.request import Request
from xpcnn.cli.run_messages import say_notes
from xpcnn.cli.run_plan import prepare
from xpcnn.diagnostics import dry_run, find_lr, overfit_one_batch
from xpcnn.diagnostics.learning_rate import LrSearch
from xpcnn.diagnostics.one_batch import Overfit
from xpcnn.diagnostics.one_update import DryRun


def diagnose(request: Request, kind: str) -> tuple[str, dict[str, Any]]:
    """Return what one of the diagnostics found, in words and as a table.

    kind: "dry_run", "find_lr" or "overfit_one_batch".

    Raises:
        XpcnnError: the request or the data are rejected.
    """
    plan = prepare(request)
    say_notes(plan)
    training = plan.settings.training
    found: DryRun | LrSearch | Overfit
    with numpy.errstate(all="ignore"):
        if kind == "dry_run":
            found = dry_run(plan.model, plan.train, training, validation=plan.validation)
        elif kind == "find_lr":
            found = find_lr(plan.model, plan.train, training)
        else:
            found = overfit_one_batch(plan.model, plan.train)
    table = asdict(found)
    if isinstance(found, LrSearch):
        table["suggestion"] = found.suggestion
    return str(found), table
