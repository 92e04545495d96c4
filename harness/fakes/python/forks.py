"""Runs scripts of this folder in processes of their own, forked from this one, which has loaded what they all need.

A line of JSON on stdin for each, `{"id", "script", "options", "input", "environment"}`: options are its arguments, the input
is what it reads. A line on stdout when it is over: `{"id", "code", "out", "said"}`, with what it printed and complained of.
"""

import fcntl
import io
import json
import logging  # loaded here for all of them
import os
import runpy
import signal
import sys
import threading
import traceback
import urllib.request  # the same


def run(told):
    """Here is a fork: nothing of it stays."""
    os.environ.update(told["environment"])
    script = os.path.join(os.path.dirname(__file__), told["script"])
    sys.argv = [script, *told["options"]]
    sys.stdin, sys.stdout, sys.stderr = io.StringIO(json.dumps(told["input"])), io.StringIO(), io.StringIO()
    code = 0
    try:
        runpy.run_path(script, run_name="__main__")
        for thread in threading.enumerate():
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join()
    except BaseException:
        traceback.print_exc()
        code = 1
    over = {"id": told["id"], "code": code, "out": sys.stdout.getvalue(), "said": sys.stderr.getvalue()}
    line = memoryview((json.dumps(over) + "\n").encode())
    # One at a time: lines are longer than what a pipe takes as a whole.
    with open(__file__) as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        while line:
            line = line[os.write(1, line) :]


signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for each in sys.stdin:
    if os.fork() == 0:
        run(json.loads(each))
        os._exit(0)
