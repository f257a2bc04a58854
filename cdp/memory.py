"""How a long-lived process treats its memory."""

import gc

YOUNG = 10_000  # new containers before the youngest are looked through; Python's 700 suits programs that are small


def settle() -> None:
    """Spare the garbage collector what start-up made, which stays anyway, and let it look less often.

    Each full collection would walk hundreds of thousands of objects of Django and its models. Call it once a process,
    when everything is imported.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 20, 20)
