#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Overwrites a file in place between measuring and executing.

`assay run` is held at its first line of progress by a standard error that nobody reads; hostd goes on measuring and the
verifier decides. Then the file is overwritten, and standard error is read, so that the launch goes on.

usage: between.py FILE WORLD-HOST WORLD-DIRECTORY -- ARGUMENT…
"""
import fcntl
import os
import pathlib
import subprocess
import sys
import threading
import time

target, host, world = sys.argv[1:4]
arguments = sys.argv[5:]
name = host.removeprefix("host_")
log = pathlib.Path(world, "verifier.log")


def decisions():
    return log.read_text(errors="replace").count("decision")


read_end, write_end = os.pipe()
os.set_blocking(write_end, False)
try:
    while True:
        os.write(write_end, b"." * 4096)
except BlockingIOError:
    pass
os.set_blocking(write_end, True)
before = decisions()
agent = subprocess.Popen(
    ["assay", "run", "ocr-agent", "--socket", f"{world}/host-{name}/run/hostd.sock", "--", *arguments],
    stderr=write_end,
)
os.close(write_end)
deadline = time.monotonic() + 20
while decisions() == before and time.monotonic() < deadline and agent.poll() is None:
    time.sleep(0.02)
if decisions() == before:
    agent.kill()
    sys.exit("the verifier never decided")
with open(target, "r+b") as file:
    size = os.fstat(file.fileno()).st_size
    file.write(b"#!/bin/sh\necho THE OVERWRITTEN FILE RAN\nexit 0\n".ljust(size, b"\n"))


def drain():
    while data := os.read(read_end, 65536):
        sys.stderr.buffer.write(data.lstrip(b"."))


reader = threading.Thread(target=drain)
reader.start()
status = agent.wait()
reader.join()
sys.exit(status)
