"""The garbage collector of a process that serves."""

import gc

OBJECTS = 20_000


def calm_collector() -> None:
    """What is loaded stays: looking through it for garbage after every 700 objects costs a tenth of a request."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS, 10, 10)
