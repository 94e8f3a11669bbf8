#!/usr/bin/env python3
"""Runs a command and prints its cost: user+sys seconds, wall seconds, peak RSS in MiB, exit status.

usage: cost.py COMMAND...   (the command's output goes to standard error)
"""
import os
import resource
import subprocess
import sys
import time

start = time.monotonic()
status = subprocess.call(sys.argv[1:], stdout=sys.stderr)
wall = time.monotonic() - start
use = resource.getrusage(resource.RUSAGE_CHILDREN)
print("%.4f %.4f %.1f %d" % (use.ru_utime + use.ru_stime, wall, use.ru_maxrss / 1024, status))
sys.exit(0 if os.WIFEXITED(status) or status == 0 else 1)
