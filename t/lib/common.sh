# Shared by t/setup and t/run. Sourced; sets $repo and $build.

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$repo/build

say() {
    printf '== %s\n' "$*"
}

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# Long and noisy steps: the output goes to a file and is shown on failure.
quietly() {
    local log=$1
    shift
    mkdir -p "$(dirname "$log")"
    if ! "$@" >"$log" 2>&1 </dev/null; then
        echo "failed: $*; the end of $log:" >&2
        tail -n 40 "$log" >&2
        return 1
    fi
}
