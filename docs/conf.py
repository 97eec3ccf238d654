"""How `make docs` builds the site: offline, from these files and the docstrings."""

from importlib.metadata import version as installed

project, author = "GFM-RA", "The GFM-RA maintainers"
version = release = installed("gfm-ra")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["README.md"]
html_theme = "alabaster"
html_theme_options = {
    "description": "Powers for links that share a band",
    "fixed_sidebar": True,
    "page_width": "1140px",
}
autodoc_member_order = "bysource"
autodoc_typehints = "description"
myst_heading_anchors = 3
# Links to files of the repository outside the guides stay as they are.
suppress_warnings = ["myst.xref_missing", "myst.header"]
