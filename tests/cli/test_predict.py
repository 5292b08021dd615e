"""`xpcnn predict`: rows of data sets, pictures, folders of pictures, files of answers."""

import csv
import json
import sys
from pathlib import Path

import numpy
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save

import xpcnn
from tests.cli.conftest import Cli, answer
from tests.cli.test_own_data import write_csv
from tests.data.small_pictures import ink_on_paper, picture
from xpcnn.layers import Dense, Flatten
from xpcnn.model_loading import load_model

NOISE = numpy.random.default_rng(0)


def test_a_folder_of_pictures_is_answered_and_what_is_bad_in_it_named(
    cli: Cli, trained: Path
) -> None:
    Path("in/more").mkdir(parents=True)
    paths = ink_on_paper(Path("in"), 3)
    Path("in/more/last.PNG").write_bytes(Path(paths[0]).read_bytes())
    Path("in/bad.png").write_bytes(b"")
    Path("in/notes.txt").write_text("words")
    Path("in/.hidden.png").write_text("words")
    ran = cli("predict", trained, "in")
    lines = ran.out.splitlines()
    assert ran.code == 0
    assert [line.split("  ")[0] for line in lines] == [*paths, "in/more/last.PNG"]
    note, skipped, advice = ran.err.splitlines()
    assert note == "note: files skipped, as their ending is not that of a picture: 1"
    assert skipped.startswith("warning: skipped: in/bad.png: is empty")
    assert advice.startswith("Try: ")
    ran = cli("predict", trained, *paths, "in/bad.png", "none.png", "--json")  # all named
    assert ran.code == 1
    found = json.loads(ran.out)
    assert [table["image"] for table in found["predictions"]] == paths
    assert [table["image"] for table in found["failed"]] == ["in/bad.png", "none.png"]
    assert found["failed"][1]["error"].startswith("none.png: there is no such file")
    assert [line[:20] for line in ran.err.splitlines()[::2]] == [
        "error: in/bad.png: i",
        "error: none.png: the",
    ]


def test_a_picture_on_standard_input(
    cli: Cli, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = ink_on_paper(Path(), 1)
    with Path(path).open() as piped:
        monkeypatch.setattr("sys.stdin", piped)
        ran = cli("predict", trained, "-")
    assert ran.out == cli("predict", trained, path).out.replace(path, "-")
    monkeypatch.setattr("sys.stdin", None)
    ran = cli("predict", trained, "-")
    assert (ran.code, ran.err.splitlines()[0]) == (1, "error: -: is empty")


def test_a_folder_without_pictures(cli: Cli, trained: Path) -> None:
    Path("in").mkdir()
    Path("in/notes.txt").write_text("words")
    ran = cli("predict", trained, "in")
    message = "error: in: holds no pictures, of 1 file in it\nTry: a folder with PNG or JPEG files"
    assert ran == (1, "", f"{message}\n")
    Path("in/bad.png").write_bytes(b"")
    ran = cli("predict", trained, "in")
    assert (ran.code, ran.out) == (1, "")


def test_answers_in_a_csv_file(cli: Cli, trained: Path) -> None:
    paths = ink_on_paper(Path(), 2)
    blank = picture(Path("blank.png"), numpy.full((30, 30), 250))
    expected = answer(cli, "predict", trained, *paths, blank)["predictions"]
    ran = cli("predict", trained, *paths, blank, "--csv", "out.csv")
    assert ran == (0, "wrote 3 answers to out.csv\n", "")
    assert cli("predict", trained, blank, "--csv", "1.csv").out == "wrote 1 answer to 1.csv\n"
    with Path("out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["image", "class", "probability", "framed", "inverted", "blank"]
    for row, table in zip(rows, expected, strict=True):
        assert row["image"] == table["image"]
        assert row["class"] == (table["class"] or "")
        assert row["framed"] == str(table["framed"]).lower()
    assert float(rows[0]["probability"]) == pytest.approx(expected[0]["probability"], rel=1e-5)
    ran = cli("predict", trained, paths[0], "--csv", "out.csv")
    assert ran.err.startswith("error: out.csv is there already\n")
    ran = cli("predict", trained, *paths, blank, "--csv", "-")
    assert ran == (0, Path("out.csv").read_text(), "")
    assert cli("predict", trained, blank, "--csv", "-", "--json").code == 2
    message = "error: - means standard output, and this is written to a file only\n"
    assert cli("card", trained, "--out", "-").err.startswith(message)
    flags = ("--rows", "0:2", "--csv", "out.csv", "--force", "--probabilities")
    assert cli("predict", trained, *flags).code == 0
    header = Path("out.csv").read_text().splitlines()[0].split(",")
    assert header[:5] == ["row", "class", "probability", "true", "probability of 0"]
    assert len(header) == 14


def test_a_picture_on_which_nothing_is_drawn_is_no_digit(cli: Cli, trained: Path) -> None:
    path = picture(Path("blank.png"), numpy.full((30, 30), 250))
    line = "blank.png  blank: nothing is drawn on it\n"
    assert cli("predict", trained, path) == (0, line, "")
    (table,) = answer(cli, "predict", trained, path, "--probabilities")["predictions"]
    assert (table["class"], table["blank"]) == (None, True)
    assert (table["probability"], table["probabilities"]) == (None, None)


def test_what_was_done_to_a_picture_is_told(cli: Cli, trained: Path) -> None:
    (path,) = ink_on_paper(Path(), 1)
    assert cli("predict", trained, path).out.rstrip("\n").endswith("  framed, inverted")
    (table,) = answer(cli, "predict", trained, path)["predictions"]
    assert (table["framed"], table["inverted"], table["blank"]) == (True, True, False)


def test_ids_of_a_submission(cli: Cli, trained: Path) -> None:
    few = xpcnn.data.load("digits")[1].subset(range(3))
    write_csv("plain.csv", few, labelled=False)
    lines = Path("plain.csv").read_text().splitlines()
    ids = ["image_id", "x7", "x1", "x9"]
    Path("test.csv").write_text(
        "".join(f"{name},{line}\n" for name, line in zip(ids, lines, strict=True))
    )
    flags = ("--dataset", "test.csv", "--submission", "out.csv")
    assert cli("predict", trained, *flags) == (0, "wrote 3 labels to out.csv\n", "")
    written = [line.split(",") for line in Path("out.csv").read_text().splitlines()]
    assert written[0] == ["image_id", "label"]
    assert [row[0] for row in written[1:]] == ids[1:]


def test_a_model_file_of_an_older_version(cli: Cli, trained: Path) -> None:
    """It says `image_rule`, from which the note of today follows."""
    model = trained / "model.safetensors"
    with safe_open(model, framework="numpy") as file:
        table = json.loads(file.metadata()["xpcnn"])
    del table["reading"], table["sha256"]
    table |= {"format": 1, "image_rule": {"low": 0.0, "high": 16.0, "border": "dark"}}
    table["image_rule"]["extent"] = 1.0
    Path("old.safetensors").write_bytes(save(load_file(model), {"xpcnn": json.dumps(table)}))
    assert load_model("old.safetensors").reading == load_model(model).reading
    (path,) = ink_on_paper(Path(), 1)
    old = answer(cli, "predict", "old.safetensors", path)["predictions"]
    assert old == answer(cli, "predict", trained, path)["predictions"]


def test_a_model_of_arrays_reads_pictures_by_their_usual_range(cli: Cli) -> None:
    model = xpcnn.Model([Flatten(), Dense(2)], input_shape=(3, 8, 8))
    model.fit((NOISE.random((4, 3, 8, 8), numpy.float32), [0, 1, 0, 1]), epochs=1)
    model.save("arrays.safetensors")
    path = picture(Path("a.png"), NOISE.integers(0, 256, (20, 30, 3)))
    ran = cli("predict", "arrays.safetensors", path)
    assert ran.code == 0
    assert ran.err == "note: the model was trained on arrays: black becomes 0, white 1\n"
    model = xpcnn.Model([Flatten(), Dense(2)], input_shape=(3, 8, 8))
    model.fit((NOISE.normal(size=(4, 3, 8, 8)), [0, 1, 0, 1]), epochs=1)
    model.save("arrays.safetensors")
    ran = cli("predict", "arrays.safetensors", path)
    assert ran.code == 1
    assert "was trained on arrays in which black and white are not known\nTry: " in ran.err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["a.png", "--part", "all"], "--part needs --rows"),
        (["--dataset", "a.csv", "--submission", "b.csv", "--csv", "c.csv"], "exclude each other"),
    ],
)
def test_wrong_usage(cli: Cli, flags: list[str], message: str) -> None:
    ran = cli("predict", "run", *flags)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err


def test_predict_rows(cli: Cli, trained: Path) -> None:
    _, test = xpcnn.data.load("digits")
    expected = load_model(trained / "model.safetensors").predict_proba(test.images[3:6])
    found = answer(cli, "predict", trained, "--rows", "3:6", "--probabilities")
    assert list(found) == ["model", "predictions"]
    for i, row in enumerate(found["predictions"]):
        assert row["row"] == 3 + i
        assert row["class"] == str(expected[i].argmax())
        assert row["true"] == str(test.labels[3 + i])
        assert row["probability"] == expected[i].max()
        assert list(row["probabilities"]) == list(test.classes)
        assert list(row["probabilities"].values()) == expected[i].tolist()
    lines = cli("predict", trained, "--rows", "3:6").out.splitlines()
    assert lines == [
        f"{row['row']}  {row['class']}  {row['probability']:.4f}  true {row['true']}"
        for row in found["predictions"]
    ]


@pytest.mark.parametrize(
    ("rows", "chosen"),
    [("7", [7]), (":2", [0, 1]), ("353:", [353, 354]), ("354:999", [354]), ("9,2:4", [9, 2, 3])],
)
def test_rows_as_in_python(cli: Cli, trained: Path, rows: str, chosen: list[int]) -> None:
    found = answer(cli, "predict", trained, "--rows", rows)
    assert [row["row"] for row in found["predictions"]] == chosen


@pytest.mark.parametrize("rows", ["355", "4:4", "-3:2", "400:"])
def test_rows_that_are_not_there(cli: Cli, trained: Path, rows: str) -> None:
    ran = cli("predict", trained, f"--rows={rows}")
    message = f"--rows {rows}: the test part of digits has the rows 0 to 354"
    assert ran == (1, "", f"error: {message}\nTry: --rows 0:10\n")


def test_rows_that_are_no_numbers(cli: Cli, trained: Path) -> None:
    ran = cli("predict", trained, "--rows", "all")
    assert ran == (1, "", "error: --rows is 'all'\nTry: --rows 0:10, or 3,17\n")


def test_predict_pictures(cli: Cli, trained: Path, tmp_path: Path) -> None:
    paths = ink_on_paper(tmp_path, 20)
    rows = answer(cli, "predict", trained, "--rows", "0:20")["predictions"]
    found = answer(cli, "predict", trained, *paths, "--crop", "no")["predictions"]
    assert [table["image"] for table in found] == paths
    assert list(found[0]) == ["image", "class", "probability", "framed", "inverted", "blank"]
    assert [found[0][name] for name in ("framed", "inverted", "blank")] == [False, True, False]
    same = sum(a["class"] == b["class"] for a, b in zip(rows, found, strict=True))
    assert same >= 19  # the pixels are the same to 1 / 255
    lines = cli("predict", trained, *paths[:2], "--crop", "no").out.splitlines()
    assert lines == [
        f"{table['image']}  {table['class']}  {table['probability']:.4f}  inverted"
        for table in found[:2]
    ]
    shown = cli("predict", trained, paths[0], "--probabilities").out
    assert len(shown.split("  ")) == 4 + 10
    assert "  0=" in shown


def test_without_inversion_the_picture_is_another(cli: Cli, trained: Path, tmp_path: Path) -> None:
    (path,) = ink_on_paper(tmp_path, 1)
    auto, yes, no = (
        answer(cli, "predict", trained, path, "--invert", invert, "--probabilities")
        for invert in ("auto", "yes", "no")
    )
    assert auto == yes
    assert auto != no


def test_rows_of_files_of_data(cli: Cli, trained: Path) -> None:
    images = xpcnn.data.load("digits")[1].images[:4]
    numpy.savez("my data.npz", images[:, 0])  # no labels: one array, of any name
    ran = cli("predict", trained, "my data.npz")
    assert ran.code == 1
    assert ran.err == (
        "error: my data.npz: is a file of data, not a picture\n"
        "Try: --rows : --dataset 'my data.npz'\n"
    )
    rows = answer(cli, "predict", trained, "--rows", ":", "--dataset", "my data.npz")["predictions"]
    expected = load_model(trained / "model.safetensors").predict(images)
    assert [int(row["class"]) for row in rows] == expected.tolist()
    assert all("true" not in row for row in rows)


def test_a_picture_that_is_none_names_the_file(cli: Cli, trained: Path) -> None:
    ran = cli("predict", trained, "no.png")
    assert ran.code == 1
    assert ran.err.startswith("error: no.png: there is no such file\nTry: ")


def test_pictures_need_pillow(cli: Cli, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    ran = cli("predict", trained, "a.png")
    assert ran.code == 1
    assert ran.err == (
        "error: reading pictures needs Pillow, which is not installed\n"
        "Try: pip install 'xpcnn[images]'\n"
    )


def test_pictures_need_to_know_how_the_training_images_were_read(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "own.safetensors"
    xpcnn.Model([Flatten(), Dense(2)], input_shape=(1, 8, 8)).save(path)  # never trained
    ran = cli("predict", path, "a.png")
    assert ran.code == 1
    assert "does not say how its samples were read (reading)" in ran.err
