"""The end of this process, for threads that would go on waiting: ``ending.wait(seconds)`` instead of a sleep."""

import threading

ending = threading.Event()
