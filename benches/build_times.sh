#!/usr/bin/env bash
# What one changed line in an alert rule costs: this checkout beside another, in turn, in one run.
#
#   benches/build_times.sh OTHER OTHER_RULE 'OTHER_TEST'     (another checkout, a file in it, how it tests it)
#   benches/build_times.sh ../base src/alert.rs '--lib'
#
# Prints wall and user time of the release build and of the rule's test build after each change, three
# rounds after one that builds everything, and the sizes of the binaries. Changed files are put back.
# Build folders are those of UNMASK_BUILD_TIMES (default: target/build-times), 6 GB for both.
set -euo pipefail
ours=$(cd "$(dirname "$0")/.." && pwd)
other=$(cd "$1" && pwd)
other_rule=$2
read -ra other_test <<<"$3"
builds=${UNMASK_BUILD_TIMES:-$ours/target/build-times}
kept=$(mktemp -d)
rule() { [ "$1" = ours ] && echo "$ours/crates/alert/src/decide.rs" || echo "$other/$other_rule"; }
root() { [ "$1" = ours ] && echo "$ours" || echo "$other"; }
for side in ours other; do cp "$(rule $side)" "$kept/$side"; done
restore() {
    for side in ours other; do cp "$kept/$side" "$(rule $side)"; done
    rm -r "$kept"
}
trap restore EXIT

# Wall and user seconds of a command, in the root of a side.
timed() {
    local side=$1
    shift
    (
        cd "$(root "$side")"
        TIMEFORMAT='%R %U'
        { time CARGO_TARGET_DIR=$builds/$side "$@" >"$kept/said" 2>&1; } 2>&1
    ) || { cat "$kept/said" >&2 && return 1; }
}
build() {
    local side=$1 kind=$2
    case $kind in
    release) timed "$side" cargo build -q --release -p unmask ;;
    test)
        local args=(-p unmask-alert --lib)
        [ "$side" = other ] && args=("${other_test[@]}")
        timed "$side" cargo test -q --no-run "${args[@]}"
        ;;
    esac
}

printf '%-8s %-7s %-5s %10s %10s\n' build side round 'wall s' 'user s'
for kind in test release; do
    for side in other ours; do build $side $kind >/dev/null; done
    for round in 1 2 3; do
        for side in other ours; do
            echo "// round $round" >>"$(rule $side)"
            read -r wall user < <(build $side $kind)
            printf '%-8s %-7s %-5s %10s %10s\n' $kind $side $round "$wall" "$user"
        done
    done
done

# Without symbols, as the package has them.
size() { strip -o "$kept/stripped" "$1" && stat -c %s "$kept/stripped"; }
echo "other, everything: $(size "$builds/other/release/unmask") bytes"
echo "ours, everything: $(size "$builds/ours/release/unmask") bytes"
timed ours cargo build -q --release -p unmask --no-default-features >/dev/null
echo "ours, firmware: $(size "$builds/ours/release/unmask") bytes"
