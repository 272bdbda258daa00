# SPDX-License-Identifier: Apache-2.0
"""Receivers of the outputs' tests: strict doubles, and the real ones where they can be had."""

import collections
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from harness import WITHOUT_PROXY, Lines, Skipped, check, wait_until

HERE = Path(__file__).resolve().parent
CACHE = Path.home() / ".cache/vedette-sinks"
LOGS_VERSION = "v1.51.1-0.20260624061259-dc94972a8708"
BUILD_S = 120


class Process:
    """A process that ends with us: by its standard input, or by a signal."""

    def __init__(self, command, **how):
        self.command, self.how = command, how
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True, **how)

    def end(self, kill=False):
        if self.process.poll() is None:
            (self.process.kill if kill else self.process.terminate)()
        self.process.wait(20)
        self.process.stdin.close()
        if self.process.stdout:
            self.process.stdout.close()


class Double:
    """receiver.py or syslogd.py: `accepted` counts how often each id was taken."""

    program = HERE.parent / "receiver/receiver.py"

    def __init__(self, folder, *options, script="ok", fixed=()):
        folder.mkdir()
        self.out, self.control, self.port = Lines(folder / "accepted"), folder / "control", 0
        self.log = Lines(folder / "requests")
        self.options, self.fixed, self.script, self.process = list(options), list(fixed), script, None
        self.start()

    def arguments(self):
        return ["--out", self.out.path, "--log", self.log.path, "--control", self.control, "--script", self.script]

    def start(self):
        self.process = Process([sys.executable, self.program, *self.arguments(), "--port", str(self.port), *self.options], stdout=subprocess.PIPE)
        line = self.process.process.stdout.readline()
        check(line.startswith("port "), f"{self.program.name} {self.options} did not start")
        self.port = int(line.split()[1])

    def follow(self, script):
        draft = self.control.with_suffix(".draft")
        draft.write_text(script)
        os.replace(draft, self.control)

    def stop(self):
        """kill -9; what it was told to do is forgotten."""
        self.process.end(kill=True)
        self.control.unlink(missing_ok=True)
        self.script = "ok"

    def restart(self):
        self.stop()
        self.start()

    def rows(self):
        return self.out.read()

    def accepted(self):
        return collections.Counter(row["output_fields"]["vedette.id"] if "output_fields" in row else row["id"] for row in self.rows())

    def answers(self):
        return [(row["step"], row["status"]) for row in self.log.read()]

    def refused(self):
        return [row["reason"] for row in self.log.read() if row["status"] >= 400 and row["step"] in ("ok", "slow")]

    def close(self):
        self.process.end(kill=True)
        self.out.close()
        self.log.close()


class Syslog(Double):
    program = HERE / "syslogd.py"

    def arguments(self):
        return ["--out", self.out.path, "--control", self.control]

    def accepted(self):
        return collections.Counter(row["id"] for row in self.rows() if "id" in row)

    def refused(self):
        return [row["refused"] for row in self.rows() if "refused" in row]

    def resets(self):
        return sum("reset" in row for row in self.rows())


class WrittenFile:
    """What the file output wrote, its rotated files included."""

    def __init__(self, path):
        self.path = path

    def accepted(self):
        found = collections.Counter()
        for path in self.path.parent.glob(self.path.name + "*"):
            found.update(json.loads(line)["vedette"]["id"] for line in path.read_text().splitlines() if line)
        return found

    def refused(self):
        return []

    def close(self):
        pass


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(url):
    with WITHOUT_PROXY.open(url, timeout=10) as answer:
        return answer.read().decode()


def is_up(url):
    def ask():
        try:
            get(url)
        except OSError:
            return False
        return True

    return ask


class Alertmanager:
    """Debian's. What it has is asked of its own API."""

    def __init__(self, folder):
        program = shutil.which("prometheus-alertmanager")
        if program is None:
            raise Skipped("prometheus-alertmanager is not installed")
        folder.mkdir()
        (folder / "config.yml").write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
        self.port = free_port()
        self.log = open(folder / "log", "wb")
        self.command = [program, f"--config.file={folder}/config.yml", f"--storage.path={folder}/data", f"--web.listen-address=127.0.0.1:{self.port}",
                        "--cluster.listen-address="]
        self.process = None
        self.start()

    def start(self):
        self.process = Process(self.command, stdout=subprocess.DEVNULL, stderr=self.log)
        wait_until(is_up(f"http://127.0.0.1:{self.port}/-/ready"), "Alertmanager")

    def alerts(self):
        return json.loads(get(f"http://127.0.0.1:{self.port}/api/v2/alerts"))

    def accepted(self):
        return collections.Counter(alert["labels"]["id"] for alert in self.alerts())

    def refused(self):
        return []

    def stop(self):
        self.process.end(kill=True)

    def restart(self):
        self.stop()
        self.start()

    def close(self):
        self.process.end()
        self.log.close()


class Rsyslog:
    """Debian's rsyslogd over TLS, which writes what it understood of each message as JSON."""

    def __init__(self, folder, pem, ca):
        program = next((path for path in ("/usr/sbin/rsyslogd", shutil.which("rsyslogd") or "") if os.path.exists(path)), None)
        if program is None or not list(Path("/usr/lib").glob("*/rsyslog/lmnsd_gtls.so")):
            raise Skipped("rsyslog and rsyslog-gnutls are not installed")
        folder.mkdir()
        self.out, self.port = Lines(folder / "accepted"), free_port()
        (folder / "rsyslog.conf").write_text(f"""
global(workDirectory="{folder}" maxMessageSize="64k" defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile="{ca}"
       defaultNetstreamDriverCertFile="{pem}" defaultNetstreamDriverKeyFile="{pem}")
module(load="imtcp" streamDriver.mode="1" streamDriver.authMode="anon")
module(load="mmpstrucdata")
template(name="row" type="list") {{ property(name="$!rfc5424-sd") constant(value="\\n") }}
ruleset(name="take") {{ action(type="mmpstrucdata") action(type="omfile" file="{self.out.path}" template="row") }}
input(type="imtcp" port="{self.port}" address="127.0.0.1" ruleset="take")
""")
        self.log = open(folder / "log", "wb")
        self.command = [program, "-n", "-f", folder / "rsyslog.conf", "-i", folder / "pid"]
        self.process = None
        self.start()

    def start(self):
        self.process = Process(self.command, stdout=self.log, stderr=self.log)

        def listens():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0

        wait_until(listens, "rsyslogd", lambda: "it ended" if self.process.process.poll() is not None else None)

    def accepted(self):
        return collections.Counter(next(iter(row.values()))["id"] for row in self.out.read())

    def refused(self):
        return []

    def close(self):
        self.process.end()
        self.log.close()
        self.out.close()


def build_victoria_logs():
    """By Go's module proxy, kept in the cache; Skipped when that takes too long or cannot be had."""
    program = CACHE / f"victoria-logs-{LOGS_VERSION}"
    if program.exists():
        return program
    if shutil.which("go") is None:
        raise Skipped("go is not installed: no VictoriaLogs")
    scratch = CACHE / "build"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    (scratch / "go.mod").write_text(
        f"module scratch\n\ngo 1.25\n\nrequire github.com/VictoriaMetrics/VictoriaLogs {LOGS_VERSION}\n\n"
        "replace github.com/VictoriaMetrics/VictoriaMetrics => github.com/VictoriaMetrics/VictoriaMetrics v1.148.8\n")
    begin = time.monotonic()
    try:
        subprocess.run(["nice", "go", "build", "-mod=mod", "-o", program.with_suffix(".new"), "github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs"],
                       cwd=scratch, check=True, capture_output=True, text=True, timeout=BUILD_S)
    except subprocess.TimeoutExpired:
        raise Skipped(f"VictoriaLogs was not built in {BUILD_S} s") from None
    except subprocess.CalledProcessError as error:
        raise Skipped(f"VictoriaLogs cannot be built here: {error.stderr.strip()[-200:]}") from None
    os.replace(program.with_suffix(".new"), program)
    shutil.rmtree(scratch, ignore_errors=True)
    print(f"     VictoriaLogs was built in {time.monotonic() - begin:.0f} s")
    return program


class VictoriaLogs:
    """Takes Loki's push API. What it has is asked of its own."""

    def __init__(self, folder):
        program = build_victoria_logs()
        folder.mkdir()
        self.port = free_port()
        self.log = open(folder / "log", "wb")
        self.process = Process([program, f"-storageDataPath={folder}/data", f"-httpListenAddr=127.0.0.1:{self.port}"], stdout=self.log, stderr=self.log)
        wait_until(is_up(f"http://127.0.0.1:{self.port}/health"), "VictoriaLogs")

    def accepted(self):
        text = get(f"http://127.0.0.1:{self.port}/select/logsql/query?query=*&limit=100000")
        return collections.Counter(json.loads(line)["id"] for line in text.splitlines())

    def refused(self):
        return []

    def close(self):
        self.process.end()
        self.log.close()


def authority(folder, name):
    """A CA, and a server's and a client's certificate of it: NAME-ca.pem, NAME-server.pem, NAME-client.pem, NAME-client.key."""
    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder)

    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name} CA", "-keyout",
            f"{name}-ca.key", "-out", f"{name}-ca.pem")
    for who, extension in (("server", "subjectAltName=DNS:receiver.vedette.test"), ("client", "extendedKeyUsage=clientAuth")):
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name} {who}", "-keyout", f"{name}-{who}.key", "-out",
                f"{name}-{who}.csr")
        (folder / "extension").write_text(extension + "\n")
        openssl("x509", "-req", "-in", f"{name}-{who}.csr", "-CA", f"{name}-ca.pem", "-CAkey", f"{name}-ca.key", "-CAcreateserial", "-days", "2", "-extfile",
                "extension", "-out", f"{name}-{who}.crt")
        shutil.copy(folder / f"{name}-{who}.crt", folder / f"{name}-{who}.pem")
    with open(folder / f"{name}-server.pem", "a", encoding="utf-8") as file:
        file.write((folder / f"{name}-server.key").read_text())
