"""The box in which a person types what a purge asks for, with a line below that says what will happen."""

from html import escape

import ipywidgets

from purgelib.widgets.twin import with_twin


class Confirmation(ipywidgets.VBox):
    """A labelled box to type in, with a line below that says what will happen; ``typed`` is what stands there now."""

    def __init__(self, wanted, prefilled=""):
        self._wanted = wanted
        self._label = (f"Type the institution's name and the number of users: <b>{escape(wanted)}</b>"
                       " — leave it empty to rehearse.")
        self._box = ipywidgets.Text(value=prefilled, description="Institution and number of users:",
                                    placeholder="empty: rehearse", style={"description_width": "initial"},
                                    layout={"width": "min(100%, 42em)"})
        self._below = ipywidgets.HTML()
        self._tell()
        self._box.observe(self._tell, "value")
        super().__init__([ipywidgets.HTML(self._label), self._box, self._below])

    @property
    def typed(self):
        """What is typed now, without outer blanks."""
        return self._box.value.strip()

    @property
    def says(self):
        """What will happen with what is typed now, in one sentence."""
        if not self.typed:
            return "This will be a rehearsal: nothing is written to Alma."
        if _plain(self.typed) != _plain(self._wanted):
            return "This is not what was asked for: it will be refused."
        return f"This will write to Alma: {int(_plain(self._wanted).split()[-1]):,} users."

    def _tell(self, _change=None):
        self._below.value = f'<div role="status" aria-live="polite"><b>{escape(self.says)}</b></div>'

    def __repr__(self):
        return f"Confirmation: {self.says}"

    def _repr_mimebundle_(self, **kwargs):
        twin = f"<p>{self._label}</p><p>Typed: <b>{escape(self.typed) or 'nothing'}</b>. {escape(self.says)}</p>"
        return with_twin(super()._repr_mimebundle_(**kwargs), twin)


def _plain(text):
    """As ``guards.confirmed`` compares: without regard to case, blanks and thousands separators."""
    return " ".join(str(text).replace(",", "").split()).casefold()
