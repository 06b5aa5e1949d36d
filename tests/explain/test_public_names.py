"""The names that a newcomer needs: there, typed, and nothing heavy until one is asked for."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from rimlight import explain


def test_every_public_name_is_there_and_says_what_it_is():
    for name in explain.__all__:
        assert getattr(explain, name).__doc__, name
    assert set(dir(explain)) == set(explain.__all__)
    assert explain.__all__ == sorted(explain.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'saliency'"):
        explain.saliency  # noqa: B018


def test_the_types_that_a_checker_sees_are_those_that_are_imported():
    tree = ast.parse(Path(explain.__file__).read_text(encoding="utf-8"))
    seen = {
        alias.name: part.module
        for part in ast.walk(tree)
        if isinstance(part, ast.ImportFrom) and part.module.startswith("rimlight")
        for alias in part.names
    }
    assert set(seen) == set(explain.__all__)
    for name, module in seen.items():
        assert getattr(explain, name) is getattr(import_module(module), name), name


def test_importing_the_package_imports_nothing_heavy():
    code = (
        "import sys; from rimlight import explain; import rimlight.explain as again;"
        "heavy = {'torch', 'numpy', 'PIL', 'scipy'} & set(sys.modules); assert not heavy, heavy;"
        "explain.response_of; assert 'torch' in sys.modules and 'PIL' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
