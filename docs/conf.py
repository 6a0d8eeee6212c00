"""Configuration of Sphinx: `make docs` builds the site, `make man` the manual pages."""

import sys
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

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
smartquotes = False  # "--help" and '*.txt' are for copying

html_theme = "furo"
html_title = f"kxcli {__version__}"

man_pages = [
    ("reference/kxcli", "kxcli", "mine Chinese text from the shell", author, 1),
    *(
        (f"reference/{name}", f"kxcli-{name}", summary.rstrip("."), author, 1)
        for name, (_, summary) in COMMANDS.items()
    ),
]


def setup(app: Sphinx) -> None:
    """Connect the handlers."""
    app.connect("doctree-resolved", remove_links_from_manuals)


def remove_links_from_manuals(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Replace links by their texts, because a manual page has no target for them and shows "<>"."""
    if app.builder.name == "man":
        for link in list(doctree.findall(nodes.reference)):
            link.replace_self(link.children)
