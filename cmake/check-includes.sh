#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Which folder may include which: the trust boundary as a check. Run from anywhere; prints every line that breaks a rule.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
failed=0

# forbid FOLDER PATTERN WHY: no source below FOLDER may include a header that matches PATTERN.
forbid() {
    local found
    found=$(grep -rnE --include='*.[ch]' --include='*.def' "^[[:space:]]*#[[:space:]]*include[[:space:]]*[\"<]$2" "$1" || true)
    [ -z "$found" ] || {
        echo "$found"
        echo "check-includes: $1 must not include $2: $3" >&2
        failed=1
    }
}

forbid common '(analyzer|collector|launcher|tester|bench)/' 'common is below all programs'
forbid analyzer '(collector|launcher|tester|bench)/' 'the analyzer shares nothing with the privileged program but common and proto'
forbid collector '(analyzer|launcher|tester|bench)/' 'nothing of the analyzer may run with privilege'
forbid collector/courier 'collector/(drain|bpf|probe|spool)/' 'the courier knows nothing of BPF, nor of the disk'
forbid collector/spool 'collector/(drain|courier|bpf|probe)/' 'the spool knows the queue and nothing else'
forbid collector/spool '(nng|microhttpd|curl|sqlite3|yaml)' 'it is a thread of the drain'
forbid collector/drain 'collector/courier/' 'the drain knows nothing of the network'
forbid collector/drain '(nng|microhttpd|curl|sqlite3|yaml)' 'no library that parses foreign input beside BPF'
forbid launcher '(analyzer|collector|tester)/' 'the launcher starts the programs, it knows nothing of their insides'
forbid tester '(analyzer|collector|launcher)/' 'the tester stands alone'
exit $failed
