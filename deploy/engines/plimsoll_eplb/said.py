"""What users read in the engine's log, each once."""

import logging

_logger = logging.getLogger("plimsoll")
_MOST_LETTERS = 400
_said = set()


def say_once(what):
    if what not in _said:
        _said.add(what)
        _logger.warning("plimsoll: %s", what[:_MOST_LETTERS])


def named(fault):
    return f"{type(fault).__name__}: {fault}"
