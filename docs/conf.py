"""Configuration of Sphinx: `make docs` builds the site, `make man` the manual pages."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from command_reference import write_reference  # noqa: E402

from kxcli import __version__  # noqa: E402
from kxcli.cli import COMMANDS  # noqa: E402

write_reference(HERE / "reference")

project = "kxcli"
author = "the kxcli maintainers"
release = version = __version__

extensions = ["myst_parser"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3  # so that links to headings work as in the repository
nitpicky = True

html_theme = "furo"
html_title = f"kxcli {__version__}"

man_pages = [
    ("reference/kxcli", "kxcli", "mine Chinese text from the shell", author, 1),
    *(
        (f"reference/{name}", f"kxcli-{name}", summary.rstrip("."), author, 1)
        for name, (_, summary) in COMMANDS.items()
    ),
]
