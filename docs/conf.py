"""Sphinx configuration; `make docs` builds with warnings as errors and without the network."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import pages  # noqa: E402
import pictures  # noqa: E402
from sphinx.util.nodes import make_refnode  # noqa: E402

import bayesgmm  # noqa: E402

project = "bayesgmm"
author = "The bayesgmm developers"
copyright = "2026, the bayesgmm developers"
version = release = bayesgmm.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_nb",
    "mathml",
    "pictures",
]
html_math_renderer = "mathml"
templates_path = ["_templates"]
exclude_patterns = ["_build", "**/.ipynb_checkpoints"]

# Pages made from the code and from notebooks/: the API reference follows the public names.
pages.write(HERE / "generated", notebooks=HERE.parent / "notebooks")

autosummary_generate = True
autodoc_typehints = "none"  # the docstrings give shapes and units, which annotations cannot
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

nitpick_ignore_regex = [
    # In other packages' documentation, which a build without the network cannot look up.
    (r"py:.*", r"(sklearn|pymc|pytensor|arviz|xarray|numpy|pandas|matplotlib)\..*"),
    # Modules and data that docstrings point at have no page of their own.
    (r"py:(mod|data)", r".*"),
]

myst_enable_extensions = ["dollarmath", "amsmath", "deflist", "colon_fence"]
myst_heading_anchors = 3
myst_links_external_new_tab = False
# Notebooks are executed by `make notebooks`; what it leaves in build/notebooks is shown.
nb_execution_mode = "off"

# Pictures are made by the code that the page shows, and stay in the folder of the build.
plot_template = pictures.PATHS
plot_formats = [("png", 160)]
plot_html_show_source_link = False
plot_html_show_formats = False

html_theme = "pydata_sphinx_theme"
html_title = f"bayesgmm {version}"
html_static_path = ["_static"]
html_css_files = ["bayesgmm.css"]
html_show_sourcelink = False
html_theme_options = {
    "navbar_align": "left",
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"index": []}


def resolve_short_name(app, env, node, contnode):
    """Resolve a reference by its last part, where one documented object has that name."""
    if node.get("refdomain") != "py":
        return None
    objects = env.domains["py"].objects
    last = node["reftarget"].rpartition(".")[2]
    found = [
        name
        for name, entry in objects.items()
        if name.rpartition(".")[2] == last and not entry.aliased
    ]
    if len(found) != 1:
        return None
    entry = objects[found[0]]
    return make_refnode(
        app.builder, node["refdoc"], entry.docname, entry.node_id, contnode, found[0]
    )


def setup(app):
    app.connect("missing-reference", resolve_short_name)
