"""What the widgets that show a Picking have in common: following it, and doing what their page asks for."""

import anywidget

from purgelib.errors import BadChoice


class Watching(anywidget.AnyWidget):
    """A widget that shows a Picking and follows every change of it, until it is closed.

    A class of it has ``_state``, the traits that follow the Picking, and a ``_do_...`` for everything that its page may
    ask for, which returns what to answer.
    """

    def __init__(self, picking, **fixed):
        self.picking = picking
        super().__init__(**fixed, **self._state())
        picking.watch(self._tell)
        self.on_msg(self._hear)

    @property
    def choice(self):
        """The choice as it is now."""
        return self.picking.choice

    def close(self):
        """Follows no longer, and is no longer on the page."""
        self.picking.unwatch(self._tell)
        super().close()

    def _tell(self):
        with self.picking.lock, self.hold_sync():
            for name, value in self._state().items():
                setattr(self, name, value)

    def _done(self, message):
        """Does what a message of the page asks for; returns the answer, or None and the BadChoice instead."""
        try:
            return getattr(self, f"_do_{message['do']}")(message), None
        except BadChoice as error:
            return None, error

    def _do_undo(self, _message):
        self.picking.undo()

    def _do_redo(self, _message):
        self.picking.redo()
