"""How a run shows how it goes."""


class Unwatched:
    """Shows nothing."""

    def begin(self, total, what):
        """Is told how many users there are, and what is done."""

    def seen(self, outcome, n=1):
        """Is told how it came out for users."""

    def waiting(self, reason):
        """Is told why nothing goes on, or an empty text; often."""

    def end(self):
        """Is told that it is over."""
