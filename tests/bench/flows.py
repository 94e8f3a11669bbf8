#!/usr/bin/env python3
"""Feeds prepared export datagrams to a receiver on loopback and prints what they cost it.

usage: flows.py SENDER KIND RECORDS RATE DIRECTORY COMMAND...
  COMMAND     the receiver; PORT in it becomes a free port, DIR an empty folder below DIRECTORY
  prints      CPU seconds per million records (user and system, of the receiver and its children, from the first
              datagram to the last one's end), datagrams the kernel dropped for it, its RSS in MiB, seconds sent in
"""
import os
import shutil
import signal
import socket
import subprocess
import sys
import time


def free_port():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", 0))
    port = s.getsockname()[1]
    s.close()
    return port


def family(pid):
    """The process and all below it."""
    out = [pid]
    for p in out:
        try:
            with open("/proc/%d/task/%d/children" % (p, p)) as f:
                out.extend(int(c) for c in f.read().split())
        except OSError:
            pass
    return out


def cpu(pids):
    total = 0.0
    for p in pids:
        try:
            total += time.clock_gettime((~p << 3) | 2)  # the clock of another process, in nanoseconds
        except OSError:
            pass
    return total


def udp_socket(port):
    """(datagrams dropped, bytes waiting) of the socket, None while there is none."""
    with open("/proc/net/udp") as f:
        for line in list(f)[1:]:
            col = line.split()
            if int(col[1].split(":")[1], 16) == port:
                return int(col[-1]), int(col[4].split(":")[1], 16)
    return None


def wait_for(what, seconds):
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            sys.exit("flows.py: waited in vain")
        time.sleep(0.02)


def settle(pid, port):
    """Until everything was taken from the socket and the receiver rests."""
    wait_for(lambda: udp_socket(port)[1] == 0, 60)
    last, rests = cpu(family(pid)), 0
    while rests < 2:
        time.sleep(0.15)
        now = cpu(family(pid))
        rests = rests + 1 if now - last < 0.004 else 0
        last = now


def rss(pid):
    with open("/proc/%d/status" % pid) as f:
        for line in f:
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
    return 0


def send(sender, kind, port, records, rate):
    return subprocess.run([sender, kind, "--to", str(port), "--records", records, "--rate", rate],
                          stdout=subprocess.PIPE, text=True, check=True).stdout.split()


def main():
    sender, kind, records, rate, base = sys.argv[1:6]
    port, folder = free_port(), os.path.join(base, "receiver")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    command = [a.replace("PORT", str(port)).replace("DIR", folder) for a in sys.argv[6:]]
    with open(os.path.join(base, "receiver.log"), "w") as log:
        r = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_for(lambda: udp_socket(port) or r.poll() is not None, 10)
        if r.poll() is not None:
            sys.exit("flows.py: %s ended: %s" % (command[0], open(os.path.join(base, "receiver.log")).read()[-500:]))
        # the first touch of every page is no cost of the records
        send(sender, kind, port, str(int(records) // 5), rate)
        settle(r.pid, port)
        before = cpu(family(r.pid))
        out = send(sender, kind, port, records, rate)
        settle(r.pid, port)
        cost = (cpu(family(r.pid)) - before) / int(out[0]) * 1e6
        print("%.4f %d %.0f %s" % (cost, udp_socket(port)[0], rss(r.pid), out[6]))
    finally:
        if r.poll() is None:
            r.send_signal(signal.SIGTERM)
            try:
                r.wait(20)
            except subprocess.TimeoutExpired:
                r.kill()
        shutil.rmtree(folder, ignore_errors=True)


main()
