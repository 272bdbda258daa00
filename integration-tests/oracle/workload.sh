#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# workload.sh FOLDER: a bit of everything that people do with a machine, in the empty FOLDER
set -eu
cd "$1"
export HOME=$PWD GIT_CONFIG_NOSYSTEM=1

printf 'int main(void) { return 0; }\n' >program.c
gcc -O1 -o program program.c
./program

# names that nobody expects, one that is not UTF-8
printf 'x' >$'a name\nof \e[31mtwo lines\x01'
printf 'y' >$'not \xff\xfe utf-8 \xc3\xa9'

git init -q repository
cp program.c repository/
(
    cd repository
    git add program.c
    git -c user.name=oracle -c user.email=oracle@localhost commit -q -m "the first"
    git mv program.c renamed.c
    git -c user.name=oracle -c user.email=oracle@localhost commit -q -m "the second"
    git log --oneline >/dev/null
)

tar -czf archive.tar.gz repository program.c
mkdir unpacked
tar -xzf archive.tar.gz -C unpacked
mv unpacked/program.c unpacked/moved.c
rm -r unpacked

# a script by its interpreter, one without one, and a program that is not there
printf '#!/bin/sh -e\nexec true "$@"\n' >script
printf 'exit 0\n' >bare
chmod +x script bare
./script one 'two words'
./bare
if ./nothing 2>/dev/null; then exit 1; fi

/usr/bin/python3 -c '
import http.server, os, socket, subprocess, threading
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
server.RequestHandlerClass.log_message = lambda *_: None
threading.Thread(target=server.serve_forever, daemon=True).start()
url = "http://127.0.0.1:%d/program.c" % server.server_port
for options in ([], ["--ipv4"]):
    subprocess.run(["curl", "-sS", "--noproxy", "*", *options, "-o", "fetched", url], check=True)
subprocess.run(["curl", "-sS", "--noproxy", "*", "-o", "fetched", url.replace("127.0.0.1", "localhost")], check=True)
server.shutdown()
assert open("fetched").read() == open("program.c").read()
for family, address in ((socket.AF_INET6, ("::1", 1)), (socket.AF_UNIX, "nobody\n"), (socket.AF_UNIX, b"\0abstract\xff"), (socket.AF_INET, ("127.0.0.1", 1))):
    with socket.socket(family) as client:
        try:
            client.connect(address)
        except OSError:
            pass
folder = os.open(".", os.O_PATH)
os.close(os.open("made", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o4640, dir_fd=folder))
os.rename("made", "other", src_dir_fd=folder, dst_dir_fd=folder)
os.unlink("other", dir_fd=folder)
if os.fork() == 0:
    os._exit(0)
os.wait()
try:
    os.execve("script", ["x" * 3000, "y" * 3000, "z" * 5000], {"A": "1"})
except OSError:
    raise SystemExit(1)
'
