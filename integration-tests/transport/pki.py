# SPDX-License-Identifier: Apache-2.0
"""Certificates for the scenarios, made by openssl: an authority, what it signs, and what it has revoked."""

import os
import subprocess
from pathlib import Path

CONFIG = """
[ca]
default_ca = own
[own]
database = {folder}/index
serial = {folder}/serial
crlnumber = {folder}/crlnumber
new_certs_dir = {folder}
certificate = {folder}/ca.pem
private_key = {folder}/ca.key
default_md = sha256
default_days = 30
default_crl_days = 30
policy = any
unique_subject = no
copy_extensions = none
[any]
commonName = supplied
"""


def openssl(*arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise ValueError(f"openssl {arguments[0]}: {done.stderr.strip()[-400:]}")
    return done.stdout


def replace(path, text, mode=0o644, owner=0):
    """As whoever replaces a credential should: another file of that name, never half of one."""
    draft = Path(f"{path}.draft")
    draft.touch(mode=0o600)
    draft.write_text(text)
    os.chown(draft, owner, owner)
    draft.chmod(mode)
    os.replace(draft, path)


class Authority:
    def __init__(self, folder, name):
        self.folder, self.number = Path(folder), 0
        self.folder.mkdir(mode=0o711)
        (self.folder / "index").touch()
        (self.folder / "serial").write_text("1000\n")
        (self.folder / "crlnumber").write_text("10\n")
        self.config = self.folder / "config"
        self.config.write_text(CONFIG.format(folder=self.folder))
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.folder / "ca.key", "-out",
                self.folder / "ca.pem", "-days", "30", "-subj", f"/CN={name}")
        self.ca = self.folder / "ca.pem"

    def issue(self, name, usage, dates=("-days", "30")):
        """(certificate, key), as text."""
        self.number += 1
        base = self.folder / f"{self.number}"
        extensions = Path(f"{base}.ext")
        extensions.write_text(f"subjectAltName=DNS:{name}\nextendedKeyUsage={usage}\nbasicConstraints=CA:FALSE\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{base}.key", "-out", f"{base}.csr", "-subj", f"/CN={name}")
        openssl("ca", "-batch", "-notext", "-config", self.config, "-in", f"{base}.csr", "-out", f"{base}.pem", "-extfile", extensions, *dates)
        return Path(f"{base}.pem").read_text(), Path(f"{base}.key").read_text()

    def revoke(self, certificate):
        path = self.folder / "revoked.pem"
        path.write_text(certificate)
        openssl("ca", "-batch", "-config", self.config, "-revoke", path)

    def crl(self):
        openssl("ca", "-batch", "-config", self.config, "-gencrl", "-out", self.folder / "crl.pem")
        return (self.folder / "crl.pem").read_text()


EXPIRED = ("-startdate", "20200101000000Z", "-enddate", "20210101000000Z")
