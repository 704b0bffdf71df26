"""Every no is of one tree, carries its facts, and tells a refusal from a failure."""

import inspect
import pickle

import pytest

from purgelib import errors

ALL = [thing for _, thing in inspect.getmembers(errors, inspect.isclass)]


@pytest.mark.parametrize("kind", ALL, ids=lambda k: k.__name__)
def test_facts_are_attributes_and_the_message_is_the_text(kind):
    error = kind("no, because", limit=3, found=4)
    assert str(error) == "no, because" and error.facts == {"limit": 3, "found": 4}
    assert (error.limit, error.found) == (3, 4)


@pytest.mark.parametrize("kind", ALL, ids=lambda k: k.__name__)
def test_every_error_is_either_a_refusal_or_a_failure(kind):
    if kind is not errors.PurgeError:
        assert issubclass(kind, errors.Refused) != issubclass(kind, errors.Failed)


@pytest.mark.parametrize("kind", ALL, ids=lambda k: k.__name__)
def test_errors_say_in_a_sentence_what_they_mean(kind):
    assert kind.__doc__.strip().endswith(".")


def test_facts_survive_the_way_between_processes():
    error = pickle.loads(pickle.dumps(errors.LimitExceeded("too many", found=2, limit=1)))
    assert (str(error), error.found, error.limit) == ("too many", 2, 1)


def test_a_notebook_shows_the_sentence_and_not_the_way_to_it():
    """IPython, papermill and JupyterLab ask the exception itself how it is to be shown."""
    from IPython.core.interactiveshell import InteractiveShell

    shown = []
    shell = InteractiveShell()
    shell._showtraceback = lambda etype, evalue, stb: shown.extend(stb)
    shell.run_cell("from purgelib.errors import LimitExceeded\nraise LimitExceeded('Choose fewer.', found=9)")
    assert shown == ["LimitExceeded: Choose fewer."]
