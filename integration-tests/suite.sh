# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# `./dev test`: part after part, what each took, what was skipped and why. Sourced by dev, whose functions it uses.

suite_passed=0 suite_failed=0 suite_skipped=0
suite_skips=()    # "part: reason"
suite_failures=() # "part: what"
suite_times=()
part=

# What a part found; a part may call these as often as it likes.
passed() { suite_passed=$((suite_passed + $1)); }

failed() { # COUNT WHAT
    suite_failed=$((suite_failed + $1))
    suite_failures+=("$part: $2")
}

skipped() { # COUNT REASON
    suite_skipped=$((suite_skipped + $1))
    suite_skips+=("$part: $2")
}

# run_part NAME BUDGET_MINUTES
run_part() {
    local begin=$SECONDS took
    part=$1
    echo "== $part"
    # A part counts its failures itself; one that fails must not end the others.
    "part_${part//-/_}" || true
    took=$((SECONDS - begin))
    suite_times+=("$(printf '%-10s %4d s of %d min' "$part" "$took" "$2")")
    [ "$took" -le $((60 * $2)) ] || echo "   $part took longer than its budget"
}

# Builds in a subshell, so that a failed build is a failed part and not the end of everything.
part_build() { # PRESET [TARGET...]
    (build_preset "$@") && return 0
    failed 1 "the preset $1 does not build"
    return 1
}

# Counts single tests: cmocka's own numbers where a program printed them, else one for the program.
tally_ctest() { # LOG
    local kind count text
    while IFS=$'\t' read -r kind count text; do
        case $kind in
        passed) passed "$count" ;;
        failed) failed "$count" "$text" ;;
        skipped) skipped "$count" "$text" ;;
        esac
    done < <(awk '
        function flush() {
            if (name == "") return
            if (last ~ /^SKIP: /) { print "skipped\t1\t" name ": " substr(last, 7); return }
            if (p) print "passed\t" p
            if (s) print "skipped\t" s "\t" name ":" names " (not possible as this user or on this machine)"
            if (f) print "failed\t" f "\t" name
            else if (result !~ /^Test Passed/) print "failed\t1\t" name " (" result ")"
            else if (!p && !s) print "passed\t1"
        }
        /^[0-9]+\/[0-9]+ Test: / { flush(); name = $3; p = f = s = 0; names = result = last = "" }
        /^\[  PASSED  \] [0-9]+ test/ { p += $4 }
        /^\[  FAILED  \] [0-9]+ test/ { f += $4 }
        /^\[  SKIPPED \] [0-9]+ test/ { s += $4; next }
        /^\[  SKIPPED \] / && s { names = names " " $4 }
        /^Test (Passed|Failed|Skipped|Timeout)/ { result = $0 }
        /^<end of output>/ { ended = 1; next }
        !ended && NF { last = $0 }
        /^Output:/ { ended = 0 }
        END { flush() }' "$1")
}

run_ctest() { # PRESET [ARGUMENT OF CTEST]...
    local log=build/$1/ctest.out before=$suite_failed
    # A sanitizer build answers slower, and two cores are shared.
    if ! ctest --test-dir "build/$1" --output-on-failure -j2 --timeout 300 "${@:2}" >"$log" 2>&1; then
        grep -vE '^(      Start|.* Passed )' "$log" | tail -80
    fi
    if [ -e "build/$1/Testing/Temporary/LastTest.log" ]; then
        tally_ctest "build/$1/Testing/Temporary/LastTest.log"
    else
        failed 1 "ctest said nothing in $1"
    fi
    [ "$suite_failed" = "$before" ] || echo "   failures above; all of it is in $log"
}

part_lint() {
    local check
    for check in cmake/check-includes.sh lint_shell "integration-tests/expect_test.py --quiet" "deploy/dashboards/generate --check"; do
        if $check; then passed 1; else failed 1 "$check"; fi
    done
}

lint_format() {
    local sources
    mapfile -t sources < <(c_sources)
    clang-format --dry-run -Werror "${sources[@]}" || {
        echo "format them with: ./dev fmt"
        return 1
    }
}

lint_shell() {
    shell_sources | xargs shellcheck -x
}

part_unit() {
    part_build release && run_ctest release
}

# Unit tests and end-to-end cases. LeakSanitizer cannot look at processes that are not dumpable or have no /proc, as ours: only the former are searched for leaks.
part_sanitizers() {
    part_build asan-ubsan || return 0
    ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 LSAN_OPTIONS=suppressions=$PWD/integration-tests/sanitizers/lsan.supp UBSAN_OPTIONS=print_stacktrace=1 \
        run_ctest asan-ubsan
    [ "$(id -u)" = 0 ] || return 0
    ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 VEDETTE_SANITIZED=1 tally_runner integration-tests/run --bin build/asan-ubsan/bin
}

# The unit tests whose subjects have threads, under ThreadSanitizer. Only when asked for by name: it builds most of the programs once more.
threaded_tests=(bus_test outbox_test queue_test sink_test)
part_tsan() {
    local pattern
    part_build tsan "${threaded_tests[@]}" || return 0
    pattern=$(printf '|%s' "${threaded_tests[@]}")
    run_ctest tsan -R "^(${pattern#|})\$"
}

part_fuzz() {
    local target seconds
    mapfile -t targets < <(fuzz_targets)
    [ ${#targets[@]} -gt 0 ] || {
        failed 1 "no fuzz target found"
        return
    }
    part_build fuzz "${targets[@]}" || return 0
    for target in "${targets[@]}"; do
        # What is kept must stay harmless ...
        if [ -d "analyzer/fuzz/corpus/$target" ]; then
            if "build/fuzz/bin/$target" -runs=0 "analyzer/fuzz/corpus/$target" >"build/fuzz/$target.corpus.log" 2>&1; then
                passed 1
            else
                tail -20 "build/fuzz/$target.corpus.log"
                failed 1 "the kept corpus of $target"
            fi
        else
            failed 1 "$target has no corpus in analyzer/fuzz/corpus/$target"
        fi
        # ... and something new is looked for.
        # What speaks to a network gets the most time.
        seconds=$fuzz_seconds
        [ "$target" = batch_fuzz ] || seconds=$((fuzz_seconds / 4))
        if fuzz_one "$target" "$seconds"; then passed 1; else failed 1 "fuzzing $target"; fi
    done
}

# tally_runner COMMAND...: a runner prints "SKIP name: reason", "FAIL name: what" and at its end "N passed, N failed, N skipped".
tally_runner() {
    local out=build/$part.out line last=
    "$@" 2>&1 | tee "$out" || true
    while IFS= read -r line; do
        case $line in
        "SKIP "*) suite_skips+=("$part: ${line#SKIP }") ;;
        "FAIL "*) suite_failures+=("$part: ${line#FAIL }") ;;
        [0-9]*" passed, "*" failed, "*" skipped") last=$line ;;
        esac
    done <"$out"
    if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
        suite_passed=$((suite_passed + BASH_REMATCH[1]))
        suite_failed=$((suite_failed + BASH_REMATCH[2]))
        suite_skipped=$((suite_skipped + BASH_REMATCH[3]))
    else
        failed 1 "the runner ended without its last line"
    fi
}

needs_root() {
    [ "$(id -u)" = 0 ] && return 0
    skipped 1 "needs root"
    return 1
}

# What the end-to-end parts use; a unit test that does not build is not theirs.
programs=(vedette-run vedette-collector vedette-analyzer vedette-tester vedette-flood vedette-trigger vedette-hostile)

part_e2e() {
    needs_root && part_build release "${programs[@]}" && tally_runner integration-tests/run
}

part_events() {
    needs_root && part_build release "${programs[@]}" && tally_runner integration-tests/events/run
}

part_detections() {
    needs_root && part_build release "${programs[@]}" && tally_runner integration-tests/detections/run
}

part_containers() {
    needs_root && part_build release "${programs[@]}" && tally_runner integration-tests/containers/run
}

part_oracle() {
    needs_root && part_build release "${programs[@]}" && tally_runner integration-tests/oracle/run
}

part_quiet() {
    needs_root && part_build release "${programs[@]}" && tally_runner integration-tests/quiet/run
}

part_hostile() {
    needs_root && part_build release "${programs[@]}" || return 0
    tally_runner integration-tests/hostile/run
    tally_runner integration-tests/hostile/analyzer
}

part_chaos() {
    needs_root && part_build release "${programs[@]}" && tally_runner integration-tests/chaos/run
}

# A fault build: never shipped, dies and misbehaves on order.
part_faults() {
    needs_root && part_build faults vedette-run vedette-collector vedette-analyzer vedette-tester vedette-flood && tally_runner integration-tests/faults/run
}

part_delivery() {
    needs_root && part_build release "${programs[@]}" && tally_runner integration-tests/delivery/run
}

part_transport() {
    needs_root && part_build release "${programs[@]}" && tally_runner integration-tests/transport/run
}

part_sinks() {
    needs_root && part_build release "${programs[@]}" && tally_runner integration-tests/sinks/run
}

part_tamper() {
    needs_root && part_build release "${programs[@]}" && tally_runner integration-tests/tamper/run
}

part_observability() {
    part_build release "${programs[@]}" && tally_runner integration-tests/observability/run
}

# The events' triggers on an arm64 kernel, by programs that are built for it here.
qemu_arm64() { # NAME KERNEL
    # shellcheck disable=SC2154 # set in dev
    (ensure_packages arm64 "${arm64_packages[@]}") || {
        skipped 1 "the cross compiler or QEMU for arm64 is missing"
        return 0
    }
    part_build arm64 "${programs[@]}" || return 0
    tally_runner integration-tests/events/run --kernel "$2" --bin build/arm64/bin --native build/release/bin --results "build/coverage-$1.json"
}

# One kernel of the matrix: all end-to-end cases on the first, the events' triggers on each.
qemu_kernel() { # NAME SUITE PATTERN ARCHITECTURE [COMMAND LINE]
    local kernel results=build/coverage-$1.json
    local -x APPEND=$5
    [ -z "$5" ] || results=/dev/null # the table has one column for a kernel
    echo "-- kernel $1"
    if ! kernel=$(integration-tests/kernels/fetch "$2" "$3" "$4"); then
        skipped 1 "no $1 kernel package can be had from the Debian mirror"
        return 0
    fi
    if [ "$4" = arm64 ]; then
        qemu_arm64 "$1" "$kernel"
        return 0
    fi
    if [ "$1" = "${kernels[0]}" ]; then
        tally_runner integration-tests/run --kernel "$kernel"
        tally_runner integration-tests/detections/run --kernel "$kernel"
    fi
    tally_runner integration-tests/events/run --kernel "$kernel" --results "$results"
}

part_qemu() {
    local name suite pattern architecture append
    part_build release "${programs[@]}" || return 0
    rm -f build/coverage-*.json
    while read -r name suite pattern architecture append; do
        [[ " ${kernels[*]} " != *" $name "* ]] || qemu_kernel "$name" "$suite" "$pattern" "$architecture" "$append"
    done < <(grep -v '^#' integration-tests/kernels/matrix)
    integration-tests/kernels/table build/coverage-*.json >build/kernels.md && echo "   build/kernels.md says what each kernel covers"
}

# name and budget in minutes, in this order
suite_parts=("lint 2" "unit 6" "sanitizers 8" "fuzz 5" "e2e 5" "events 1" "detections 1" "containers 2" "oracle 3" "quiet 5" "hostile 6" "chaos 4" "faults 3" "delivery 5" "transport 3" "sinks 2" "tamper 2" "observability 2" "qemu 15")
suite_asked=("tsan 10") # only by --only
suite_quick="unit e2e events detections"

suite_wants() { # NAME
    [ ${#only[@]} -gt 0 ] || return 0
    local wanted
    for wanted in "${only[@]}"; do
        [ "$wanted" != "$1" ] || return 0
    done
    return 1
}

suite_parse() {
    only=() fuzz_seconds=60 kernels=(6.1)
    while [ $# -gt 0 ]; do
        case $1 in
        --quick) read -ra only <<<"$suite_quick" ;;
        --only)
            [[ " ${suite_parts[*]} ${suite_asked[*]} " == *" ${2:-} "[0-9]* ]] || die "test: --only needs one of: $(printf '%s\n' "${suite_parts[@]}" "${suite_asked[@]}" | cut -d' ' -f1 | xargs)"
            only+=("$2")
            shift
            ;;
        --kernels)
            IFS=, read -ra kernels <<<"${2:?}"
            [ "$2" != all ] || mapfile -t kernels < <(grep -v '^#' integration-tests/kernels/matrix | cut -d' ' -f1)
            shift
            ;;
        --fuzz-seconds)
            fuzz_seconds=${2:?}
            shift
            ;;
        *) die "test: no option is called $1 (--quick, --only PART, --kernels NAME,...|all, --fuzz-seconds N)" ;;
        esac
        shift
    done
}

suite_main() {
    local entry begin=$SECONDS
    suite_parse "$@"
    verb_deps
    for entry in "${suite_parts[@]}"; do
        # shellcheck disable=SC2086 # a name and a number
        if suite_wants "${entry% *}"; then run_part $entry; fi
    done
    for entry in "${suite_asked[@]}"; do
        # shellcheck disable=SC2086 # a name and a number
        if [ ${#only[@]} -gt 0 ] && suite_wants "${entry% *}"; then run_part $entry; fi
    done
    give_back
    echo "== summary"
    printf '   %s\n' "${suite_times[@]}"
    echo "   all        $((SECONDS - begin)) s"
    [ ${#suite_skips[@]} = 0 ] || printf 'SKIP %s\n' "${suite_skips[@]}"
    [ ${#suite_failures[@]} = 0 ] || printf 'FAIL %s\n' "${suite_failures[@]}"
    echo "$suite_passed passed, $suite_failed failed, $suite_skipped skipped"
    [ "$suite_failed" = 0 ] && [ "$suite_passed" -gt 0 ]
}
