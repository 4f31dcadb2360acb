# SPDX-License-Identifier: Apache-2.0
"""Running commands that must end: with a time limit, their output in a file, and nothing left of
them when they or this program are stopped."""
import os
import select
import signal
import subprocess
import threading
from pathlib import Path

# For a command that mounts and starts things: all of it ends with it, or with this program.
OWN_NAMESPACES = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation",
                  "private", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", "--"]
# The end of a namespace kills what is in it and waits for it.
END_SECONDS = 60


class Failed(Exception):
    """A command that failed or took too long; the text says which."""


def children(pid):
    try:
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def end(process):
    """Ends a command with all that it started, and waits for that."""
    # The child of `unshare` is the first process of its namespace: with it the whole namespace is
    # killed, and `unshare` returns when nothing of it is left.
    for pid in children(process.pid) or [process.pid]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def run(command, log, seconds, env=None):
    """Runs it with its output appended to the file `log`; raises Failed."""
    with open(log, "ab") as output:
        # Its own session: a Ctrl-C is for this program, which ends it in order.
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=subprocess.STDOUT, env=env, start_new_session=True)
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            end(process)
            raise Failed(f"not done after {seconds} s: ended") from None
        except BaseException:
            end(process)
            raise
    if status:
        raise Failed(f"ended with status {status}")


def stop_with(pid):
    """Interrupts this program when that process ends, however it does: nobody would read on."""
    descriptor = os.pidfd_open(pid)

    def watch():
        # Signals are the main thread's: where it holds them back, none may come through here.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        select.select([descriptor], [], [])
        os.kill(os.getpid(), signal.SIGTERM)
    threading.Thread(target=watch, daemon=True).start()
