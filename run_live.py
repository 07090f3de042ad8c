"""Replace the sky of a video while it runs, show it, record it: the program; see --help."""

import gc
import os
import signal
import time

if __name__ == "__main__":
    began_ns = time.perf_counter_ns()
    # Until there is something to finish: an exception in the middle of an import is often swallowed.
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    gc.disable()  # imports make next to no garbage; `app.live` turns it on when all is loaded

    from app.command import leave, main

    leave(main(began_ns=began_ns))
