"""From what a page shows to one HTML file under a strict content policy.

No script, no outside address, no font: only pictures that the page carries itself, and its one
style sheet, which the policy names by its hash.
"""

import base64
import hashlib
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment


def rendered(template: str, **shown: Any) -> str:
    """Return the HTML of one page.

    Args:
        template: Name of a file in ``templates/``; it gets ``style`` and ``style_hash`` too.
        shown: What else the template names.
    """
    style = _style()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    return _environment().get_template(template).render(
        style=_safe(style), style_hash=f"sha256-{digest}", **shown
    )  # fmt: skip


def csv_address(path: Path) -> str:
    """Return a CSV as an address that a page can carry in a link."""
    content = base64.b64encode(path.read_bytes()).decode("ascii")
    return f"data:text/csv;charset=utf-8;base64,{content}"


def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("rimlight.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _style() -> str:
    folder = resources.files("rimlight.report") / "templates"
    return (folder / "page.css").read_text(encoding="utf-8")


def _safe(text: str) -> Any:
    from markupsafe import Markup

    return Markup(text)  # noqa: S704 - our own style sheet
