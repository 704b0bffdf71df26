"""How one sandbox is told from another."""

import hashlib
import pathlib


def token(folder):
    """Returns what tells the sandbox of this folder from any other, without naming the folder."""
    return hashlib.sha256(str(pathlib.Path(folder).resolve()).encode()).hexdigest()[:24]
