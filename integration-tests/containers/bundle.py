# SPDX-License-Identifier: Apache-2.0
"""A root file system of busybox, and bundles for runc."""
import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

APPLETS = ("sh", "true", "sleep", "cat")
BUSYBOX = next((p for p in map(shutil.which, ("busybox",)) if p), None)


def rootfs(folder):
    """`folder`/rootfs; its path."""
    root = Path(folder) / "rootfs"
    for name in ("bin", "etc", "proc", "sys", "dev", "tmp"):
        (root / name).mkdir(parents=True)
    shutil.copy(BUSYBOX, root / "bin/busybox")
    for name in APPLETS:
        os.symlink("busybox", root / "bin" / name)
    return root


def tar(root, path):
    """The same as an archive that `docker import` takes."""
    with tarfile.open(path, "w") as archive:
        archive.add(root, arcname=".")
    return path


def bundle(folder, root, command, cgroup):
    """A bundle for runc in `folder`, which is made."""
    Path(folder).mkdir()
    subprocess.run(["runc", "spec"], cwd=folder, check=True)
    config = read(folder)
    config["root"] = {"path": str(root), "readonly": True}
    config["process"].update(terminal=False, args=command)
    config["process"].pop("rlimits", None)  # raising them needs a capability that not every machine's root has
    config["linux"]["cgroupsPath"] = cgroup
    write(folder, config)
    return str(folder)


def read(folder):
    """The configuration of a bundle."""
    return json.loads((Path(folder) / "config.json").read_text())


def write(folder, config):
    (Path(folder) / "config.json").write_text(json.dumps(config))
