#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""flood.py FOLDER COUNT URL: makes and removes COUNT cgroups named as docker's containers below FOLDER, one after another, then prints what URL
(the metrics) says."""
import os
import sys
import time
import urllib.request

folder, count, url = sys.argv[1], int(sys.argv[2]), sys.argv[3]
os.makedirs(folder, exist_ok=True)
for i in range(count):
    path = f"{folder}/{i:064x}"
    os.mkdir(path)
    os.rmdir(path)
# What was sent before is applied before what is seen now: wait until the numbers stand still.
text, limit = None, time.monotonic() + 30
while time.monotonic() < limit:
    with urllib.request.urlopen(url, timeout=5) as answer:
        now = [line for line in answer.read().decode().splitlines() if line.startswith(("vedette_state_", "vedette_events_"))]
    if now == text:
        break
    text = now
    time.sleep(1)
print("\n".join(text))
os.rmdir(folder)
