"""evaluate, predict, help and signals, as somebody at a terminal meets them."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import m7
import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from uff_host import files, patience, pictures, reference
from uff_host.cli import main, reports
from uff_host.cli.evaluate import Evaluation
from uff_host.datasets import shapes
from uff_host.formats.model import Model
from uff_host.formats.model_file import pack_model, read_model
from uff_host.formats.samples import Samples, write_samples
from uff_host.patience import computed


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A folder with a small model of three classes of glyphs and what to test it with."""
    folder = tmp_path_factory.mktemp("trained")
    options = reference.Options(network="uff2", hidden=40)
    model = reference.train(shapes.samples(20, 0, 3), options)
    (folder / "model.uffm").write_bytes(pack_model(model))
    write_samples(folder / "test.uffs", shapes.samples(10, 1, 3))
    return folder


@pytest.fixture
def place(trained, tmp_path, micropython, monkeypatch) -> Path:
    """The same in the working directory."""
    for path in trained.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setenv("UFF_UNIX", str(micropython))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def uff(*words: str) -> int:
    return main.main(words)


def refused(capsys, *words: str) -> str:
    """Ends with one sentence and status 1."""
    assert uff(*words) == 1
    output = capsys.readouterr().err
    assert re.fullmatch(r"uff: .*\.\n", output), output
    return output


def expected(model: Model, images: np.ndarray) -> np.ndarray:
    return reference.predict(reference.infer(model, images))


# ---- evaluate ----


def permuted(samples: Samples, order: list[int], extra: str | None = None) -> Samples:
    """The same samples with the classes in another order, and one more without samples."""
    names = [samples.class_names[c] for c in order] + ([extra] if extra else [])
    labels = np.array([order.index(label) for label in samples.labels], np.uint8)
    return Samples(names, samples.images, labels)


def test_classes_are_matched_by_name(place, capsys):
    model, test = read_model(Path("model.uffm")), shapes.samples(10, 1, 3)
    right = int((expected(model, test.images) == test.labels).sum())
    assert right > 20
    write_samples(Path("turned.uffs"), permuted(test, [2, 0, 1], extra="unheard of"))
    some = test.labels != 1
    write_samples(Path("two.uffs"), Samples(["ring", "triangle"], test.images[some],
                                            test.labels[some] // 2))  # fmt: skip
    found = {}
    for name in ("test", "turned", "two"):
        assert uff("evaluate", "model.uffm", f"{name}.uffs", "--json", f"{name}.json") == 0
        found[name] = json.loads(Path(f"{name}.json").read_text())
    assert found["test"]["correct"] == right
    assert found["turned"]["confusion"] == found["test"]["confusion"]
    of_test = found["test"]["confusion"]
    assert found["two"]["confusion"] == [of_test[0], [0, 0, 0], of_test[2]]
    assert f"{right} of 30 right, accuracy {right / 30:.4f}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("names", "output"),
    [
        (
            ["cat", "größe", "日本"],
            "has images of “cat”, “größe”, “日本”, model.uffm knows “ring”",
        ),
        (["ring", "cross", "square"], "has images of “square”, model.uffm knows “ring”"),
        (["ring", "cross", "ring"], "has two classes of one name: “ring”, “cross”, “ring”"),
    ],
)
def test_other_names_are_refused_and_can_be_matched_by_index(place, capsys, names, output):
    test = shapes.samples(10, 1, 3)
    write_samples(Path("x.uffs"), Samples(names, test.images, test.labels))
    sentence = refused(capsys, "evaluate", "model.uffm", "x.uffs")
    assert sentence.startswith(f"uff: x.uffs {output}")
    assert "--by-index" in sentence
    for name in ("x", "test"):
        more = ["--by-index", "--json", f"{name}.json"]
        assert uff("evaluate", "model.uffm", f"{name}.uffs", *more) == 0
    x, same = (json.loads(Path(f"{name}.json").read_text()) for name in ("x", "test"))
    assert x["confusion"] == same["confusion"]


def test_samples_that_a_model_cannot_judge_are_refused_by_name(place, capsys):
    small = Samples(["ring", "cross"], np.zeros((2, 8, 9), np.uint8), np.array([0, 1], np.uint8))
    none = Samples(["ring"], np.zeros((0, 28, 28), np.uint8), np.zeros(0, np.uint8))
    write_samples(Path("small.uffs"), small)
    write_samples(Path("none.uffs"), none)
    write_samples(Path("six.uffs"), shapes.samples(2, 1, 6))
    for name, output in (
        ("small", "small.uffs holds images of 8x9, model.uffm is for 28x28"),
        ("none", "none.uffs holds no samples"),
        ("six", "six.uffs has images of class 5, model.uffm knows the classes 0 to 2"),
    ):
        assert output in refused(capsys, "evaluate", "model.uffm", f"{name}.uffs", "--by-index")


def test_figures_of_classes_are_those_of_the_matrix():
    found = Evaluation.of(["a", "b", "c"], {"confusion": [[3, 1, 0], [2, 4, 0], [0, 0, 0]]})
    assert (found.images, found.correct, found.accuracy) == (10, 7, 0.7)
    figures = [(c.name, c.images, c.right, c.recall, c.precision) for c in found.classes]
    assert figures == [
        ("a", 4, 3, 0.75, 0.6),
        ("b", 6, 4, pytest.approx(2 / 3), 0.8),
        ("c", 0, 0, None, None),
    ]


def test_json_and_csv_and_a_picture_hold_the_matrix(place, capsys):
    kept = ["--json", "e.json", "--csv", "e.csv", "--plot", "e.png", "--predictions", "p.bin"]
    assert uff("evaluate", "model.uffm", "test.uffs", *kept) == 0
    assert capsys.readouterr().out.splitlines()[-4:] == ["p.bin", "e.json", "e.csv", "e.png"]
    found = json.loads(Path("e.json").read_text())
    assert (found["model"], found["samples"], found["on"]) == ("model.uffm", "test.uffs", "unix")
    assert [c["name"] for c in found["classes"]] == ["ring", "cross", "triangle"]
    matrix = np.array(found["confusion"])
    assert (
        (matrix.sum(), np.trace(matrix))
        == (found["images"], found["correct"])
        == (30, matrix.trace())
    )
    head, *rows = csv.reader(io.StringIO(Path("e.csv").read_text()))
    assert head == ["class", "as ring", "as cross", "as triangle", "images", "recall", "precision"]
    assert [list(map(int, row[1:4])) for row in rows] == matrix.tolist()
    assert [row[0] for row in rows] == ["ring", "cross", "triangle"]
    assert Image.open("e.png").width > 300


@pytest.mark.parametrize("kind", ["--json", "--csv"])
def test_the_standard_output_has_nothing_else(place, capsys, kind):
    assert uff("evaluate", "model.uffm", "test.uffs", kind) == 0
    output = capsys.readouterr()
    if kind == "--json":
        assert json.loads(output.out)["images"] == 30
    else:
        assert len(list(csv.reader(io.StringIO(output.out)))) == 4
    assert "accuracy" in output.err
    assert not Path("-").exists()
    assert "standard output" in refused(capsys, "evaluate", "model.uffm", "test.uffs", "--json",
                                        "--csv")  # fmt: skip


def test_a_picture_is_drawn_of_any_names_and_numbers(tmp_path):
    names = ["größe", "日本", "$x^$", "a name that is much longer than the others", "tab\there"]
    shown, _ = pictures._lettering(names)
    assert shown[0] == "größe"
    assert shown[1] in ("日本", "class 1")  # as fonts go
    assert shown[2] == "$x^$"
    assert shown[3].endswith("…")
    assert shown[4] == "class 4"
    counts = np.zeros((5, 5), int)
    counts[0, 0] = 10**6
    pictures.confusion(tmp_path / "x.png", "5 of 6", names, counts.tolist())
    picture = np.asarray(Image.open(tmp_path / "x.png").convert("L"))
    assert picture.shape[0] > 400
    assert picture.min() < 60  # the one full field is dark


# ---- predict ----


@pytest.fixture
def drawn(place) -> list[str]:
    """Pictures of glyphs as files of three kinds, twice as large."""
    names = []
    for i, (image, suffix) in enumerate(zip(shapes.samples(1, 5, 3).images, ("png", "jpg", "bmp"),
                                            strict=True)):  # fmt: skip
        names.append(f"{i}.{suffix}")
        Image.fromarray(image).resize((56, 56)).save(names[-1])
    return names


def test_pictures_are_predicted_as_the_reference_does(place, drawn, capsys):
    assert uff("predict", "model.uffm", *drawn, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["classes"] == ["ring", "cross", "triangle"]
    model = read_model(Path("model.uffm"))
    opened = [np.asarray(Image.open(name).convert("L").resize((28, 28), Image.Resampling.BOX))
              for name in drawn]  # fmt: skip
    good = reference.infer(model, np.stack(opened))
    unit = 2.0 ** (-2 * (model.arrays[b"V2  "].exponent))
    for name, one, goodness in zip(drawn, found["predictions"], good, strict=True):
        best, next_ = sorted(goodness)[-1], sorted(goodness)[-2]
        assert one["image"] == name
        assert one["index"] == int(goodness.argmax())
        assert one["label"] == found["classes"][one["index"]]
        assert one["goodness"] == [g * unit for g in goodness]
        assert one["margin"] == (best - next_) * unit
    assert [one["label"] for one in found["predictions"]] == ["ring", "cross", "triangle"]


def test_dark_ink_on_paper_is_inverted(place, drawn, capsys):
    image = shapes.samples(1, 5, 3).images[0]
    Image.fromarray(image).save("light.png")
    Image.fromarray(255 - image).save("dark.png")
    assert uff("predict", "model.uffm", "dark.png", "--invert", "--json") == 0
    inverted = json.loads(capsys.readouterr().out)["predictions"][0]
    assert uff("predict", "model.uffm", "light.png", "--json") == 0
    plain = json.loads(capsys.readouterr().out)["predictions"][0]
    assert inverted["goodness"] == plain["goodness"]


def test_people_get_a_table_with_every_number(place, drawn, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    assert uff("predict", "model.uffm", *drawn) == 0
    output = capsys.readouterr().out
    for word in (*drawn, "label", "margin", "ring", "cross", "triangle"):
        assert word in output
    assert len(re.findall(r"\b0\.\d{4}\b", output)) == 3 * 4


def test_what_is_no_picture_is_named(place, drawn, capsys):
    for name, output in (
        ("none.png", "none.png: no such file"),
        (".", ".: is a directory"),
        ("test.uffs", "test.uffs cannot be read as an image"),
        ("/dev/zero", "/dev/zero cannot be read as an image"),
    ):
        assert output in refused(capsys, "predict", "model.uffm", drawn[0], name)
    assert "no model file" in refused(capsys, "predict", drawn[0], drawn[0])


def test_the_emulated_board_predicts_the_same(place, drawn, capsys, monkeypatch):
    monkeypatch.setenv("UFF_M7", str(m7.firmware()))
    found = []
    for on in ("unix", "m7"):
        assert uff("predict", "model.uffm", *drawn, "--json", "--on", on) == 0
        found.append(json.loads(capsys.readouterr().out)["predictions"])
    assert found[0] == found[1]


# ---- the screen ----


@pytest.mark.parametrize("width", [20, 30, 45, 60, 80, 200])
def test_no_digit_is_cut_off_however_narrow_the_screen(width):
    names = ["T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "bag", "größe"]
    counts = np.arange(900, 981).reshape(9, 9)
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(reports.confusion(names, counts.tolist()))
    output = console.export_text()
    assert [int(number) for number in re.findall(r"\d+", output)] == counts.ravel().tolist()
    assert max(map(len, output.splitlines())) <= width
    for name in names:
        assert name in re.sub(r"[\s│┃]", "", output) or width < 80


def test_names_are_shown_as_they_are(place, capsys):
    """Rich would take words in brackets for styles, and colons for pictures."""
    test = shapes.samples(10, 1, 3)
    named = Samples(["[red]x", ":smile:", "[/]"], test.images, test.labels)
    write_samples(Path("a[b].uffs"), named)
    assert uff("data", "show", "a[b].uffs") == 0
    output = capsys.readouterr().out
    assert "a[b].uffs: 30 images of 28x28 ([red]x 10, :smile: 10, [/] 10)" in output
    assert "a[b].png" in output
    assert uff("evaluate", "model.uffm", "a[b].uffs", "--by-index") == 0
    named.class_names[1] = "\x1b[2Jgone"  # would clear the screen
    write_samples(Path("esc.uffs"), named)
    assert uff("data", "show", "esc.uffs") == 0
    assert r"\x1b[2Jgone 10" in capsys.readouterr().out
    assert r"“\x1b[2Jgone”" in refused(capsys, "evaluate", "model.uffm", "esc.uffs")
    assert "[red]x" in refused(capsys, "evaluate", "model.uffm", "a[b].uffs")


# ---- help ----


def helps() -> Iterator[list[str]]:
    yield []
    for command in main.COMMANDS:
        yield [command]
    for kind in ("fashion-mnist", "digits", "import", "show"):
        yield ["data", kind]
    for experiment in main.EXPERIMENTS:
        yield ["experiment", experiment]


@pytest.mark.parametrize("words", list(helps()), ids=lambda words: "-".join(["uff", *words]))
def test_every_help_ends_with_examples_that_are_understood(words, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "79")
    with pytest.raises(SystemExit) as stop:
        uff(*words, "--help")
    assert stop.value.code == 0
    output = capsys.readouterr().out
    examples = re.findall(r"^  (uff .*)$", output.partition("\nexamples:\n")[2], re.M)
    assert examples
    for example in examples:
        _, *arguments = shlex.split(example.partition(" | ")[0])
        assert arguments[: len(words)] == words
        assert callable(main.parse(arguments).do)


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as stop:
        uff("--version")
    assert stop.value.code == 0
    library = (files.checkout() / "device" / "uff" / "__init__.py").read_text()
    (version,) = re.findall(r'^__version__ = "(.*?)"', library, re.M)
    assert capsys.readouterr().out == f"uff {version}\n"


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["data", "--help"], ["nothing"]])
def test_help_waits_for_no_library_it_does_not_need(words):
    code = (
        "import sys\nfrom uff_host.cli.main import main\n"
        f"try: main({words})\nexcept SystemExit: pass\n"
        "print([name for name in ('numpy', 'matplotlib', 'aiohttp') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = ran.stdout.splitlines()[-1]
    assert loaded == "[]" or (words[0] == "data" and "aiohttp" not in loaded)


@pytest.mark.parametrize(
    ("words", "output"),
    [
        ("data fashion-mnist --class-ids 0-999999999", "'0-999999999' is no range like 0-4"),
        ("data fashion-mnist --class-ids 1,x", "'1,x' is no list of whole numbers"),
        ("data fashion-mnist --class-ids 4-1", "'4-1' is no range"),
        ("data import x --size x", "'x' is no size"),
        ("data import x --white -1", "-1 is not above 0"),
        ("experiment cost --classes 3-999999", "'3-999999' is no range"),
        ("experiment cost --network uff3", "Network 'uff3': there are uff1"),
        ("experiment bench --cells 3,5", "'3' is no classes x images"),
        ("train x --hidden many", "'many' is no whole number"),
        ("train x --lambda1 big", "'big' is no number"),
        ("train x --seed 4294967296", "4294967296 is not within"),
        ("experiment digits --seeds 0", "0 is not within 1 and 100"),
        ("predict model.uffm", "the following arguments are required: IMAGE"),
    ],
)
def test_wrong_usage_names_what_was_typed(words, output, capsys):
    with pytest.raises(SystemExit) as stop:
        uff(*words.split())
    assert stop.value.code == 2
    assert output in capsys.readouterr().err


def test_ranges_are_taken_wherever_lists_are():
    assert main.parse(["experiment", "cost", "--classes", "3-5", "--images", "1,3-4"]).classes == [
        3,
        4,
        5,
    ]
    assert main.parse(["experiment", "table", "--classes", "3-5"]).classes == [3, 4, 5]
    assert main.parse(["data", "fashion-mnist", "--class-ids", "0-2,8"]).class_ids == [0, 1, 2, 8]


# ---- what cannot be written or read ----


@pytest.mark.parametrize(
    ("words", "output"),
    [
        ("train test.uffs --model /dev/full", "uff: /dev/full: the disk is full"),
        ("train test.uffs --model nope/x", "uff: nope/x cannot be written: there is no folder"),
        ("train test.uffs --model .", "uff: . is a folder"),
        ("train test.uffs --model test.uffs", "uff: test.uffs is what is to be read"),
        ("train /dev/zero", "uff: /dev/zero is a pipe or a device"),
        ("evaluate model.uffm test.uffs --predictions /dev/full", "uff: /dev/full: the disk is"),
        ("evaluate model.uffm test.uffs --json a --csv ./a", "uff: a would take the place of a"),
        ("evaluate model.uffm test.uffs --plot nope/x.png", "uff: nope/x.png cannot be written"),
        ("evaluate test.uffs test.uffs", "uff: test.uffs is no model file"),
        ("evaluate model.uffm /dev/zero", "uff: /dev/zero is a pipe or a device"),
        ("verify /dev/zero model.uffm", "uff: /dev/zero is no samples file"),
        ("verify test.uffs /dev/zero", "uff: /dev/zero is no model file"),
        ("data show /dev/zero --out x.png", "uff: /dev/zero is no samples file"),
        ("data show test.uffs --out nope/x.png", "uff: nope/x.png cannot be written"),
        ("data import /dev/zero", "uff: /dev/zero is a pipe or a device"),
        ("data import /dev/zero --labels x", "uff: /dev/zero is no IDX file"),
        ("data import test.uffs --out nope/x", "uff: nope/x cannot be written"),
        ("data digits --wheel /dev/zero", "uff: /dev/zero has more than the"),
        ("replay /dev/zero", "uff: /dev/zero is a pipe or a device"),
        ("lesson nope/x.ufft", "uff: nope/x.ufft cannot be written"),
        ("experiment cost --json nope/x", "uff: nope/x cannot be written"),
        (
            "experiment chart --table a --cost b --bench c --plot nope/x",
            "uff: nope/x cannot be written",
        ),
        (
            "experiment chart --table /dev/zero --cost b --bench c --plot x",
            "uff: /dev/zero has more than",
        ),
        ("experiment digits --json .", "uff: . is a folder"),
    ],
)
def test_a_sentence_names_what_was_typed_and_nothing_else_is_touched(place, capsys, words, output):
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    sentence = refused(capsys, *words.split())
    assert sentence.startswith(output)
    for unheard in ("evaluate.py", "train.py", ".new", "uff-unix", "train.uffs"):
        assert unheard not in sentence
    assert {path.name: path.read_bytes() for path in place.iterdir()} == before
    assert Path("/dev/full").is_char_device()


def test_an_error_of_the_device_names_the_file_that_was_typed(place, capsys):
    empty = shapes.samples(2, 0, 3)
    write_samples(
        Path("own.uffs"), Samples([*empty.class_names, "none"], empty.images, empty.labels)
    )
    assert "train" not in refused(capsys, "train", "own.uffs")
    os.rename("model.uffm", "train.uffs")
    assert "uff: train.uffs" in refused(capsys, "train", "train.uffs")


@pytest.mark.parametrize("output", ["/dev/full", "pipe"])
def test_a_standard_output_that_takes_nothing_is_no_traceback(place, output):
    command = [sys.executable, "-m", "uff_host", "data", "show", "test.uffs"]
    if output == "pipe":
        reader, writer = os.pipe()
        os.close(reader)
    else:
        writer = os.open(output, os.O_WRONLY)
    ran = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert ran.returncode == 1
    assert ran.stderr.count("\n") == (output != "pipe")


# ---- signals ----


def begun(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"


STARTED = (
    "import sys; from uff_host import interrupts; interrupts.leave_at_once();"
    "print('started', flush=True); from uff_host.__main__ import main; sys.exit(main())"
)


def work(process, processor_s):
    """Let it compute for so long, however busy the machine is, or end before."""
    assert patience.until(
        lambda: computed([process.pid])[0] >= processor_s or process.poll() is not None,
        60,
        process.pid,
    )


def test_the_program_holds_signals_back_while_python_starts(place):
    """Until its first line runs it can be killed without a word, but never with a traceback."""
    program = Path(sys.executable).with_name("uff")
    ended = []
    for delay in np.linspace(0, 0.2, 12):
        process = subprocess.Popen([program, "--version"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)  # fmt: skip
        work(process, delay)
        process.send_signal(signal.SIGINT)
        _, output = patience.finish(process, 120)
        ended.append(process.returncode)
        assert (process.returncode, output.count("\n")) in ((130, 1), (0, 0), (-signal.SIGINT, 0))
    assert 130 in ended


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_at_any_time_ends_with_one_line(place, number):
    """While modules are imported, while MicroPython works, while all is written."""
    ended = set()
    write_samples(place / "many.uffs", shapes.samples(1000, 1, 3))
    for delay in (0.0, 0.03, 0.1, 0.3, 0.6, 1.2) if number == signal.SIGINT else (0.03, 0.6):
        process = subprocess.Popen(
            [sys.executable, "-c", STARTED, "evaluate", "model.uffm", "many.uffs", "--plot", "x"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": str(place)},
            # Under nohup the tests themselves ignore SIGHUP.
            preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
        )
        begun(process)
        work(process, delay)
        process.send_signal(number)
        _, output = patience.finish(process, 120)
        ended.add(process.returncode)
        assert (process.returncode, output) in (
            (130, "uff: Stopped. What was saved before is as it was.\n"),
            (0, ""),
        )
        assert not [path for path in place.iterdir() if path.name.startswith((".uff", "uff-"))]
    assert 130 in ended


def test_ctrl_c_again_and_again_is_one_line_too(place):
    for _ in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", STARTED, "train", "test.uffs"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        begun(process)
        time.sleep(0.4)
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            time.sleep(0.002)
        assert process.communicate()[1].count("\n") <= 1
        assert process.returncode in (0, 130)


def test_a_signal_that_the_caller_ignores_stays_ignored(place):
    command = f"trap '' INT HUP; exec {shlex.quote(sys.executable)} -c {shlex.quote(STARTED)}"
    process = subprocess.Popen(
        ["sh", "-c", f"{command} evaluate model.uffm test.uffs"],
        stdout=subprocess.PIPE,
        text=True,
    )
    begun(process)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGHUP)
    output, _ = patience.finish(process, 120)
    assert process.returncode == 0
    assert "accuracy" in output
