"""Bad input: one clear sentence, exit code not 0, nothing lost, nothing half written."""

import csv
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from rimlight.cli.main import answered
from rimlight.io.pyramids import write_pyramid

N_SLIDES = 4
LEVELS = ("negative", "weak", "moderate", "strong")


def _tissue(seed):
    noise = np.random.default_rng(seed).normal(0, 4, (300, 360, 3))
    rgb = np.full((300, 360, 3), (241.0, 240.0, 242.0))
    rgb[60:240, 60:300] = (190, 170, 200)
    rgb[100:140, 100:200] = (150, 105, 70)
    return np.clip(rgb + noise, 0, 255).astype(np.uint8)


def _write_csv(path, header, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def _rows(n_slides=N_SLIDES, levels=LEVELS, n_cells=8):
    return [
        (
            f"s{slide}",
            f"s{slide}-{cell}",
            80 + 20 * cell,
            90 + 10 * cell,
            levels[cell % len(levels)],
        )
        for slide in range(n_slides)
        for cell in range(n_cells)
    ]


LABEL_HEADER = ("slide", "cell", "x_l0", "y_l0", "label")


@pytest.fixture(scope="session")
def slides(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slides")
    for number in range(N_SLIDES):
        write_pyramid(folder / f"s{number}.tiff", _tissue(number), mpp=0.5)
    rows = [(f"s{number}.tiff", f"case-{number}") for number in range(N_SLIDES)]
    _write_csv(folder / "cases.csv", ("slide", "case"), rows)
    return folder


@pytest.fixture(scope="session")
def prepared(slides, tmp_path_factory):
    """A study with four slides of four cases and no label yet."""
    folder = tmp_path_factory.mktemp("prepared") / "study"
    assert answered(["init", str(folder)]) == 0
    assert answered(["add", str(folder), "--manifest", str(slides / "cases.csv")]) == 0
    return folder


@pytest.fixture
def study(prepared, tmp_path):
    """A copy of the prepared study that a test may spoil."""
    return shutil.copytree(prepared, tmp_path / "study")


def _import(rimlight, study, rows, header=LABEL_HEADER):
    file = _write_csv(study.parent / "labels.csv", header, rows)
    return rimlight("import", study, file, "--reader", "R1")


def _n_labels(rimlight, study):
    answer = rimlight("export", study, study.parent / "out.csv", "--json")
    return answer.facts.get("n_labels", 0)


def _refused(answer, *words):
    assert answer.code == 2, answer.err
    assert answer.out == ""
    for word in words:
        assert word in answer.err
    assert "Traceback" not in answer.err


# slides


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("text.svs", b"this is no slide at all"),
        ("empty.tiff", b""),
        ("half.tiff", None),
        ("page.png", b"\x89PNG\r\n\x1a\n broken"),
    ],
)
def test_a_foreign_or_truncated_slide_is_refused_by_name(rimlight, study, slides, name, content):
    whole = (slides / "s0.tiff").read_bytes()
    file = study.parent / name
    file.write_bytes(whole[: len(whole) // 3] if content is None else content)
    answer = rimlight("add", study, file, "--mpp", "0.5", "--json")
    assert answer.code == 2
    assert name in answer.err
    assert answer.facts["ok"] is False
    assert "Traceback" not in answer.err


def test_a_missing_slide_is_named(rimlight, study):
    answer = rimlight("add", study, study.parent / "gone.svs")
    assert answer.code == 2
    assert "gone.svs" in answer.err


def test_a_slide_without_mpp_is_refused_with_the_way_to_give_it(rimlight, study):
    from PIL import Image

    file = study.parent / "photo.png"
    Image.fromarray(_tissue(9)).save(file)
    answer = rimlight("add", study, file)
    assert answer.code == 2
    assert "--mpp" in answer.err
    assert rimlight("add", study, file, "--mpp", "0.5").code == 0


def test_a_good_slide_beside_a_bad_one_is_added_and_the_bad_one_named(rimlight, study):
    bad, good = study.parent / "bad.svs", study.parent / "good.tiff"
    bad.write_bytes(b"nothing")
    write_pyramid(good, _tissue(11), mpp=0.5)
    answer = rimlight("add", study, bad, good, "--case", "case-9", "--json")
    assert answer.code == 2
    assert answer.facts["ok"] is False
    assert (len(answer.facts["added"]), len(answer.facts["refused"])) == (1, 1)
    assert "bad.svs" in answer.err


# labels


def test_a_missing_label_file_is_named(rimlight, study):
    _refused(rimlight("import", study, study.parent / "gone.csv"), "gone.csv")


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe\x00", b'{"type": "Topology"}', b"[]"])
def test_a_damaged_geojson_is_refused(rimlight, study, content):
    file = study.parent / "labels.geojson"
    file.write_bytes(content)
    _refused(rimlight("import", study, file, "--slide", "s0", "--reader", "R1"), "labels.geojson")
    assert _n_labels(rimlight, study) == 0


def test_labels_for_a_slide_that_is_not_in_the_study_are_refused(rimlight, study):
    _refused(_import(rimlight, study, [("other", "c1", 100, 100, "weak")]), "other")
    assert _n_labels(rimlight, study) == 0


def test_an_unknown_class_is_named_and_nothing_is_imported(rimlight, study):
    answer = _import(rimlight, study, [*_rows(1), ("s0", "new", 90, 70, "brownish")])
    _refused(answer, "brownish", "--class")
    assert _n_labels(rimlight, study) == 0


def test_every_fault_of_a_file_is_on_a_line_of_its_own(rimlight, study):
    bad = [
        ("s0", "a", "nan", 100, "weak"),
        ("s0", "b", 9999, 100, "weak"),
        ("s0", "c", 100, 100, "brownish"),
    ]
    answer = _import(rimlight, study, [*_rows(1), *bad])
    assert answer.code == 2
    assert len(answer.err.splitlines()) == 1 + len(bad)
    assert _n_labels(rimlight, study) == 0


def test_earlier_labels_survive_a_bad_file(rimlight, study):
    assert _import(rimlight, study, _rows()).code == 0
    before = _n_labels(rimlight, study)
    assert _import(rimlight, study, [("s0", "x", "nan", 1, "weak")]).code == 2
    assert _n_labels(rimlight, study) == before == len(_rows())


# studies


@pytest.mark.parametrize("verb", ["train", "run", "evaluate", "explain", "validate", "report"])
def test_a_folder_that_is_no_study_is_refused_by_every_verb(rimlight, tmp_path, verb):
    _refused(rimlight(verb, tmp_path), str(tmp_path))


@pytest.mark.parametrize("verb", ["evaluate", "explain", "validate", "report"])
def test_a_step_without_a_run_says_what_comes_first(rimlight, study, verb):
    _refused(rimlight(verb, study), "rimlight train")


def test_a_damaged_database_is_refused_and_left_as_it_is(rimlight, study):
    database = study / "rimlight.db"
    for extra in ("-wal", "-shm"):
        (study / f"rimlight.db{extra}").unlink(missing_ok=True)
    content = b"garbage" * 2000
    database.write_bytes(content)
    _refused(rimlight("train", study), "rimlight.db")
    assert database.read_bytes() == content


def test_an_unknown_setting_is_named(rimlight, study):
    settings = study / "study.toml"
    settings.write_text(settings.read_text("utf-8").replace("n_epochs", "n_epoch"), "utf-8")
    _refused(rimlight("train", study), "n_epoch")


def test_a_study_without_labels_cannot_be_trained(rimlight, study):
    _refused(rimlight("train", study))
    assert list((study / "runs").iterdir()) == []


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (_rows(1), "case"),
        (_rows(levels=("negative",)), "positive"),
        (_rows(levels=("strong",)), "negative"),
        (_rows(levels=("other",)), ""),
    ],
    ids=["one case", "no positive cell", "one class", "only other"],
)
def test_too_little_to_train_on_is_said_with_numbers(rimlight, study, rows, words):
    assert _import(rimlight, study, rows).code == 0
    _refused(rimlight("train", study, "--epochs", "1"), words)
    assert list((study / "runs").iterdir()) == []


@pytest.mark.parametrize(
    ("parts", "word"),
    [
        ([("case-0", "train"), ("case-0", "hold-out"), ("case-1", "validation")], "case-0"),
        ([("case-0", "train"), ("case-9", "hold-out")], "case-1"),
        ([("case-0", "train"), ("case-1", "test")], "test"),
    ],
    ids=["a case on both sides", "a case without a part", "an unknown part"],
)
def test_a_split_that_leaks_or_does_not_fit_is_refused(rimlight, study, parts, word):
    assert _import(rimlight, study, _rows()).code == 0
    split = _write_csv(study.parent / "split.csv", ("case", "part"), parts)
    _refused(rimlight("train", study, "--split", split, "--epochs", "1"), word)
    assert list((study / "runs").iterdir()) == []


def test_a_split_file_that_is_missing_is_named(rimlight, study):
    assert _import(rimlight, study, _rows()).code == 0
    _refused(rimlight("train", study, "--split", study.parent / "gone.csv"), "gone.csv")


def test_a_slide_that_has_gone_since_is_named(rimlight, study, tmp_path):
    moved = tmp_path / "moving.tiff"
    write_pyramid(moved, _tissue(12), mpp=0.5)
    assert rimlight("add", study, moved, "--case", "case-8").code == 0
    rows = [*_rows(), ("moving", "m1", 100, 100, "weak")]
    assert _import(rimlight, study, rows).code == 0
    moved.unlink()
    _refused(rimlight("train", study, "--epochs", "1"), "moving.tiff")


# the machine

FULL_DISK = """
set -e
mount -t tmpfs -o size=300k tmpfs "$1"
cp -r "$2" "$1/study"
cp "$3" "$1/labels.csv"
head -c 4000000 /dev/zero > "$1/ballast" 2>/dev/null || true
shift 3
set +e
"$@"
echo "code $?"
"""


def test_a_full_disk_is_said_in_one_sentence_and_keeps_what_was_there(rimlight, study, tmp_path):
    if shutil.which("unshare") is None:
        pytest.skip("no unshare on this system: a small disk cannot be made")
    place = tmp_path / "small"
    place.mkdir()
    labels = _write_csv(tmp_path / "labels.csv", LABEL_HEADER, _rows())
    imports = [sys.executable, "-m", "rimlight.cli.main", "import", place / "study"]
    done = subprocess.run(
        ["unshare", "-rm", "bash", "-c", FULL_DISK, "bash", place, study, labels, *imports,
         place / "labels.csv", "--reader", "R1", "--json"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    if "code" not in done.stdout:
        pytest.skip(f"a small disk cannot be made here: {done.stderr.strip()}")
    answer = json.loads(done.stdout.splitlines()[0])
    assert done.stdout.splitlines()[-1] == "code 2", done.stderr
    assert "the disk is full" in answer["error"]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("verb", ["train", "run"])
def test_resuming_what_never_made_a_run_starts_one(rimlight, study, verb):
    answer = rimlight(verb, study, "--resume")
    _refused(answer, "import")
    assert "has no run yet" not in answer.err
