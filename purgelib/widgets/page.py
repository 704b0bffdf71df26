"""The page's half of a widget, put together from the files beside this one."""

from pathlib import Path

HERE = Path(__file__).parent


def module(*names):
    """Returns some JavaScript files as one module: the last one exports, the others are only functions."""
    # A widget is given to the page as one text, so that files cannot import each other.
    return "\n".join((HERE / f"{name}.js").read_text(encoding="utf-8") for name in names)


def style(*names):
    """Returns some style sheets as one."""
    return "\n".join((HERE / f"{name}.css").read_text(encoding="utf-8") for name in names)
