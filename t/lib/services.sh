# The Lightning nodes and the fault responder that suites talk to. Each ends
# by itself when t/run is gone, and is ended by its process id before that.

services=()

start_service() {
    local script=$1 dir=$build/run/$2

    rm -rf "$dir"
    "$repo/$script" --dir "$dir" --parent $$ >"$build/log/$2.log" 2>&1 \
        || { tail -n 20 "$build/log/$2.log" >&2; return 1; }
    services+=("$(cat "$dir/pid")")
    . "$dir/env"
}

# Started once, for the first suite that needs them.
need_services() {
    [ -z "${L402_NODE_URL:-}" ] || return 0

    say "starting two Lightning nodes with a channel, and the fault responder"
    start_service t/e2e/lightning/start nodes \
        && start_service t/e2e/fault_start fault
}

stop_services() {
    local pid
    for pid in "${services[@]}"; do
        kill "$pid" 2>/dev/null || :
    done
    services=()
}
