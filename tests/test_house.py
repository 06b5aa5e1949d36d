"""The rules of the house that a linter does not know: sizes, names, doors, and complete docs."""

import ast
import re
import runpy
import tomllib
from pathlib import Path

import pytest
import typer

from rimlight.cli.main import app

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "rimlight"
FILES = sorted(file for file in SOURCE.rglob("*.py") if file.read_text(encoding="utf-8"))
EVERY_FILE = FILES + sorted((ROOT / "tests").rglob("*.py"))
FORBIDDEN_NAMES = {"utils", "util", "helpers", "common", "misc", "base", "manager", "handler"}
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMAND = typer.main.get_command(app)
VERBS = COMMAND.commands


def _name(file: Path) -> str:
    return str(file.relative_to(ROOT))


def _functions(tree: ast.AST) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", EVERY_FILE, ids=_name)
def test_a_module_has_at_most_400_lines_and_a_name_that_says_what_it_holds(file):
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 400
    assert file.stem not in FORBIDDEN_NAMES


@pytest.mark.parametrize("file", FILES, ids=_name)
def test_a_module_says_what_it_is_for(file):
    assert ast.get_docstring(_tree(file)), "begin the module with one sentence"


@pytest.mark.parametrize("file", FILES, ids=_name)
def test_a_function_fits_on_a_screen(file):
    for node in _functions(_tree(file)):
        body = node.body[1:] if ast.get_docstring(node) else node.body
        n_lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
        assert n_lines <= 40, f"{node.name}: {n_lines} lines"
        given = [part.arg for part in node.args.posonlyargs + node.args.args]
        assert len([name for name in given if name != "self"]) <= 4, f"{node.name}: use keywords"


@pytest.mark.parametrize("file", FILES, ids=_name)
def test_a_public_function_has_a_docstring(file):
    for node in _tree(file).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name


@pytest.mark.parametrize("file", FILES, ids=_name)
def test_nothing_is_pickled_evaluated_or_passed_to_a_shell(file):
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name for alias in node.names} | {getattr(node, "module", "") or ""}
            assert not names & {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve"}
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in {"eval", "exec", "torch.load", "os.system", "torch.save"}, called
            for word in node.keywords:
                given = f"{word.arg}={ast.unparse(word.value)}"
                assert given not in {"shell=True", "allow_pickle=True", "weights_only=False"}


@pytest.mark.parametrize("file", FILES, ids=_name)
def test_no_module_postpones_its_annotations_or_touches_pixel_limits(file):
    text = file.read_text(encoding="utf-8")
    assert "from __future__ import annotations" not in text
    assert "MAX_IMAGE_PIXELS = None" not in text


def _text_files() -> list[Path]:
    folders = ["src", "tests", "docs", "scripts", ".ci", "benchmarks", "changelog.d", "examples"]
    inside = [file for folder in folders for file in (ROOT / folder).rglob("*") if file.is_file()]
    return [file for file in [*ROOT.glob("*"), *inside] if _is_text(file)]


def _is_text(file: Path) -> bool:
    if not file.is_file() or "__pycache__" in file.parts:
        return False
    return b"\0" not in file.read_bytes()[:4096]


def test_no_registry_host_is_named_anywhere():
    hosts = re.compile("|".join(["py" + r"pi\.org", "python" + "hosted", "npm" + r"js\.org"]))
    wrong = [_name(file) for file in _text_files() if hosts.search(file.read_text("utf-8"))]
    assert not wrong


def test_every_verb_option_and_setting_is_in_the_reference_pages():
    written = runpy.run_path(str(ROOT / "scripts" / "reference_pages.py"))
    for name in ("commands", "settings"):
        page = (ROOT / "docs" / "reference" / f"{name}.md").read_text(encoding="utf-8")
        assert page == written[f"{name}_page"](), "the page is old: make reference"
    for name, command in VERBS.items():
        assert command.help, f"{name} has no docstring"
        assert all(part.help for part in command.params), f"{name} has an option without help"


def test_every_verb_answers_in_json():
    for name, command in VERBS.items():
        assert "--json" in {
            option for part in command.params for option in part.opts + part.secondary_opts
        }, name


def _shell_lines(page: Path) -> list[str]:
    blocks = re.findall(r"```(?:bash|sh|shell)?\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    return [line.strip().split("#")[0].strip() for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_command_that_a_page_shows_exists_with_its_options(page):
    targets = re.findall(r"^(\S+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for line in _shell_lines(page):
        words = line.replace(".venv/bin/", "").split()
        if words[:1] == ["make"]:
            assert words[1] in targets, line
        if words[:1] == ["rimlight"] and not words[1].startswith("-"):
            assert words[1] in VERBS, line
            options = {
                o for part in VERBS[words[1]].params for o in part.opts + part.secondary_opts
            } | {"--help"}
            for word in words[2:]:
                assert not word.startswith("--") or word in options, line


def test_the_tested_set_pins_torch_and_every_dependency():
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert "torch==2.13.0\n" in text
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in text.splitlines()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    names = {re.split(r"[<>=\[ ]", requirement)[0].lower() for requirement in wanted}
    assert names <= pinned


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_link_between_pages_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target
