"""Configuration of Sphinx: `make docs` builds the site, `make man` the manual pages."""

from kxcli import __version__

project = "kxcli"
author = "the kxcli maintainers"
release = version = __version__

extensions = ["myst_parser", "sphinx_click"]
myst_heading_anchors = 3  # so that links to headings work as in the repository
exclude_patterns = ["_build"]
nitpicky = True

html_theme = "furo"
html_title = f"kxcli {__version__}"

COMMANDS = ("wordcount", "newwords", "entity-link", "hsic")
man_pages = [
    ("reference/kxcli", "kxcli", "mine Chinese text from the shell", author, 1),
    *((f"reference/{name}", f"kxcli-{name}", f"the {name} command of kxcli", author, 1) for name in COMMANDS),
]
