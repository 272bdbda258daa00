# SPDX-License-Identifier: Apache-2.0
"""What a figure was measured on."""

import os
import platform
import time


def describe():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return {
        "kernel": platform.release(),
        "arch": platform.machine(),
        "cpus": os.cpu_count(),
        "model": models[0] if models else "unknown",
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }
