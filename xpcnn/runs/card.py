"""A model card of a run: Markdown with a YAML head that the Hugging Face hub reads.

All of it comes from the run's files. What files do not hold (license, intended use, limits) is a
field for the author to fill in, marked by FILL_IN.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from xpcnn.backend import dtypes
from xpcnn.classification import ClassificationReport
from xpcnn.data.reading import Pictures
from xpcnn.errors import counted
from xpcnn.model import Model
from xpcnn.runs.record import MODEL, Record
from xpcnn.targets import TargetReport
from xpcnn.version import VERSION

FILL_IN = "[to be filled in by the author: {}]"

_LIBRARY: Mapping[str, str] = {"name": "backend"}
"""What the card calls a fact of the array library, where that has another name."""

TAGS = ("xpcnn", "cnn", "numpy", "array-api")


def model_card(
    run: Record,
    model: Model,
    size: int,
    report: ClassificationReport | TargetReport | None = None,
) -> str:
    """Return the card of a run.

    Args:
        run: its record; model: the model that it saved; size: of the model file in bytes.
        report: figures on the test part, for the table of classes; without it there is none.
    """
    head = "\n".join(_yaml(card_head(run, model)))
    body = "\n\n".join(_sections(run, model, size, report))
    return f"---\n{head}\n---\n\n{body}\n"


def card_head(run: Record, model: Model) -> dict[str, Any]:
    """Return the YAML head as a table: https://huggingface.co/docs/hub/model-cards."""
    is_image = len(model.input_shape) == 3
    of_what = "image" if is_image else "tabular"
    is_regression = model.task.name == "regression"
    task = f"{of_what}-{'regression' if is_regression else 'classification'}"
    data = str(run.provenance.get("data", run.config.get("dataset", "")))
    head: dict[str, Any] = {
        "library_name": "xpcnn",
        "license": "unknown",
        "pipeline_tag": task,
        "tags": list(TAGS),
        "metrics": ["mae"] if is_regression else ["accuracy"],
    }
    if task == "image-regression":  # which the hub does not know
        del head["pipeline_tag"]
    test = _test(run)
    if test:
        head["model-index"] = [
            {
                "name": run.name,
                "results": [
                    {
                        "task": {"type": task},
                        "dataset": {"name": data, "type": _slug(data), "split": "test"},
                        "metrics": [
                            {"type": name, "value": round(float(value), 6)}
                            for name, value in test.items()
                        ],
                    }
                ],
            }
        ]
    return head


def _sections(
    run: Record, model: Model, size: int, report: ClassificationReport | TargetReport | None
) -> Iterator[str]:
    data = run.provenance.get("data", run.config.get("dataset"))
    classes = model.classes or ()
    shape = " x ".join(map(str, model.input_shape))
    summary = model.summary()
    yield f"# {_plain(run.name)}"
    does = {
        "classification": f"tells {counted(len(classes), 'class')} apart",
        "multi-label": f"finds which of {len(classes)} labels are there",
        "regression": f"estimates {counted(len(classes), 'number')}",
    }[model.task.name]
    yield (
        f"A network of {summary.parameters:,} parameters that {does} in samples of {shape}, "
        f"trained by xpcnn {run.provenance.get('xpcnn', VERSION)} on the data set "
        f"{_plain(str(data))}."
    )
    yield "## Intended use"
    yield (
        f"- Use: {FILL_IN.format('what the model is for, and who uses it')}\n"
        f"- Out of scope: {FILL_IN.format('what the model must not be used for')}\n"
        f"- Limits and risks: {FILL_IN.format('samples on which the model is known to fail')}\n"
        f"- License: {FILL_IN.format('also in the head of this card')}"
    )
    yield "## Load and predict"
    yield _code("sh", "pip install xpcnn huggingface_hub")
    yield _code("python", _usage(run, model))
    if isinstance(model.reading, Pictures):
        yield "Pictures on the command line: `xpcnn predict model.safetensors picture.png`."
    titles = {"multi-label": "Labels", "regression": "Numbers"}
    yield f"## {titles.get(model.task.name, 'Classes')}"
    yield ", ".join(map(_plain, classes))
    yield "## Test"
    yield from _figures(run, report)
    yield "## Network"
    yield _code("", str(summary))
    yield _rows(
        [
            ("file", f"{MODEL}, {size:,} bytes"),
            ("parameters", f"{summary.parameters:,}, {model.dtype}"),
            ("multiply-adds of a sample", f"{summary.multiply_adds:,}"),
            ("samples", f"{shape}, as they are on disk: the model normalises them"),
        ]
    )
    yield "## Training"
    yield _rows([("option", "value"), *_training(run)])
    yield _environment(run)


def _usage(run: Record, model: Model) -> str:
    predict = "predict" if model.task.name == "regression" else "predict_proba"
    on = "" if run.config.get("dtype", "float32") in dtypes("numpy") else ', backend="torch"'
    lines = [
        "import xpcnn",
        "from huggingface_hub import hf_hub_download",
        "",
        f'model = xpcnn.load(hf_hub_download("OWNER/NAME", "{MODEL}"){on})',
        f"samples = ...  # a NumPy array (n, {', '.join(map(str, model.input_shape))}), raw values",
        f"print(model.{predict}(samples))",
    ]
    return "\n".join(lines)


def _figures(run: Record, report: ClassificationReport | TargetReport | None) -> Iterator[str]:
    test = _test(run)
    if test:
        figures = ", ".join(f"{name} {float(value):.4f}" for name, value in test.items())
        yield f"On the test part, after training: {figures}."
    elif report is None:
        yield "The run has no figures of a test part."
    if report is None:
        return
    if isinstance(report, TargetReport):
        table = report.table()
        yield _rows([table.header, *table.rows])
        return
    yield f"Calibration error {report.calibration_error:.4f}, log loss {report.log_loss:.4f}."
    yield _rows(
        [
            ("class", "precision", "recall", "F1", "samples"),
            *(
                (c.name, *map(_figure, (c.precision, c.recall, c.f1)), f"{c.support:,}")
                for c in report.per_class
            ),
        ]
    )
    if report.most_confused:
        pairs = [(p.true, p.predicted, f"{p.count:,}") for p in report.most_confused[:5]]
        yield _rows([("class", "taken for", "times"), *pairs])


def _training(run: Record) -> Iterator[tuple[str, str]]:
    """Yield the options of the run that have a value, and how far it was trained."""
    yield "data", str(run.provenance.get("data", run.config.get("dataset")))
    yield "hash of the training part", str(run.provenance.get("data_hash", "unknown"))
    for name, value in run.config.items():
        if name in ("backend", "dtype", "seed", "limit", "validation", "classes"):
            yield name, str(value)
    for name, value in dict(run.config.get("training", {})).items():
        if value not in ("none", [], {}, 0, 0.0, False):
            yield name.replace("_", " "), _option(value)
    if run.epochs:
        last = run.epochs[-1]
        yield "epochs trained", str(len(run.epochs))
        yield "last loss", f"{float(last['loss']):.4f}"
        if last.get("val_loss") is not None:
            yield "last validation loss", f"{float(last['val_loss']):.4f}"
        yield "seconds", f"{sum(float(line['seconds']) for line in run.epochs):.1f}"


def _environment(run: Record) -> str:
    """Return what the run was computed on, a line each: processor and GPU by name, versions."""
    found = run.environment
    rows = [("environment", "of the training")]
    for name in ("processor", "cpus", "platform", "python", "xpcnn"):
        if found.get(name):
            rows.append((name, str(found[name])))
    for name, value in dict(found.get("backend", {})).items():
        rows.append((_LIBRARY.get(name, name), str(value)))
    return _rows(rows)


def _test(run: Record) -> Mapping[str, Any]:
    """Return the figures of the test part; none of a run that did not come to its end."""
    metrics = run.provenance.get("metrics")
    test = metrics.get("test") if isinstance(metrics, dict) else None
    return test if isinstance(test, dict) else {}


def _option(value: Any) -> str:
    """Return an option in words: a table {name = ..., options} as name(option=value, ...)."""
    if isinstance(value, dict):
        rest = ", ".join(f"{k}={v}" for k, v in value.items() if k != "name" and v is not False)
        return f"{value['name']}({rest})" if "name" in value else f"{{{rest}}}"
    if isinstance(value, list):
        return ", ".join(map(_option, value))
    return str(value)


def _rows(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of texts as a table of Markdown, the first as its header."""
    lines = ["| " + " | ".join(map(_plain, row)) + " |" for row in rows]
    lines.insert(1, "|" + " --- |" * len(rows[0]))
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Return a text that Markdown shows as it is, on one line."""
    one_line = " ".join(text.split())
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#$" else c for c in one_line)


def _code(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _slug(name: str) -> str:
    """Return the name of a data set as the hub writes one: the last part of a path, plain."""
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in last) or "unknown"


def _yaml(table: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """Yield the lines of nested tables and lists as YAML; texts as JSON writes them."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield f"{indent}{key}:"
            yield from _yaml(value, f"{indent}  ")
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            yield f"{indent}{key}:"
            for item in value:
                first, *rest = _yaml(item, f"{indent}  ")
                yield f"{indent}- {first.lstrip()}"
                yield from rest
        else:
            yield f"{indent}{key}: {json.dumps(value, ensure_ascii=False)}"
