"""Writes the OpenAPI description of the workbench: ``openapi_page.py FILE``."""

import json
import sys
from pathlib import Path


def description() -> str:
    """Return the description as JSON text; it depends on the routes alone."""
    from rimlight.web.app import api_description

    return json.dumps(api_description(), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(description(), encoding="utf-8")
