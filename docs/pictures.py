"""Pictures in Markdown pages, made by the code that is shown: ``{plot}`` fences."""

from docutils import nodes
from matplotlib import pyplot as plt
from matplotlib.sphinxext import plot_directive

# Matplotlib's directive fills this in: here, the paths of the pictures, one a line.
PATHS = """\
{% for image in images -%}
{{ build_dir }}/{{ image.basename }}.{{ default_fmt }}
{% endfor %}"""
PIXELS_AN_INCH = 96  # at which text is as large as in print; the files have more of them


class Picture(plot_directive.PlotDirective):
    """Matplotlib's ``plot`` directive for MyST, whose parser cannot take what it writes.

    The code is shown above its pictures. Fences of one page share their names, and each closes the
    figures of the one before. A picture's text for readers who cannot see it is what its Axes say.
    """

    def run(self):
        is_first = "_plot_counter" not in self.state.document.attributes
        self.options["context"] = "reset" if is_first else "close-figs"
        written = []
        self.state_machine.insert_input = lambda lines, source: written.extend(lines)
        messages = super().run()
        code = "\n".join(self.content)
        paths = [line.strip() for line in written if line.strip()]
        figures = [plt.figure(number) for number in plt.get_fignums()]
        return [
            nodes.literal_block(code, code, language="python"),
            *(_image(*pair) for pair in zip(paths, figures, strict=not messages)),
            *messages,
        ]


def _image(path, figure):
    alt = " ".join(filter(None, (ax.get_label() for ax in figure.axes)))
    width = f"{PIXELS_AN_INCH * figure.get_figwidth():.0f}px"
    return nodes.image(uri=path, alt=alt, width=width, classes=["picture"])


def setup(app):
    app.setup_extension("matplotlib.sphinxext.plot_directive")
    app.add_directive("plot", Picture, override=True)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
