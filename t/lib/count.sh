# Counting what ran. Each counter reads a runner's output and adds to
# $suite_passed and $suite_failed; a runner that failed without saying which
# test did is one failure, so is one that ran none.

suite_passed=0
suite_failed=0

count() {
    suite_passed=$((suite_passed + $1))
    suite_failed=$((suite_failed + $2))
}

# count_run <name> <exit status> <passed> <failed> <log>
count_run() {
    local name=$1 status=$2 passed=$3 failed=$4 log=$5

    if [ "$failed" = 0 ] && { [ "$status" != 0 ] || [ "$passed" = 0 ]; }; then
        failed=1
    fi
    count "$passed" "$failed"

    if [ "$failed" != 0 ]; then
        echo "   $name: $failed failed (status $status), see $log"
    fi
}

# TAP of prove -v. A skipped or a todo test has not shown anything: a failure.
count_tap() {
    local name=$1 status=$2 log=$3
    count_run "$name" "$status" \
        $(awk '/^(ok|not ok) / {
                   if ($1 == "ok" && $0 !~ /# *(skip|SKIP|TODO|todo)/) passed++
                   else failed++
               }
               /^1\.\.0 .*(skip|SKIP)/ { failed++ }
               END { print passed + 0, failed + 0 }' "$log") "$log"
    grep -aE '^not ok |^Bail out!' "$log" | head -n 20 | sed 's/^/      /'
}

# node --test, with its TAP reporter. Neither a suite nor a file is a test.
count_node() {
    local name=$1 status=$2 log=$3
    count_run "$name" "$status" \
        $(awk 'function settle() {
                   if (line ~ /^ *ok / && line !~ /# (SKIP|TODO)/) passed++
                   else if (line != "") failed++
                   line = ""
               }
               /^ *(ok|not ok) [0-9]+ - / {
                   settle()
                   if ($0 !~ /\.test\.mjs$/) line = $0
               }
               /^ *type: .suite/ { line = "" }
               END { settle(); print passed + 0, failed + 0 }' "$log") "$log"
    grep -aE '^ *not ok ' "$log" | head -n 20 | sed 's/^/      /'
}

# ctest -V with cmocka's own lines behind "<number>: ". An executable that
# ctest calls failed while cmocka named no test has crashed.
count_cmocka() {
    local name=$1 status=$2 log=$3
    count_run "$name" "$status" \
        $(awk '/^[0-9]+: \[       OK \]/ { passed++ }
               /^[0-9]+: \[  (FAILED|ERROR) *\] .*test\(s\)/ {
                   split($0, part, ": "); number = part[1] + 0
                   match($0, /[0-9]+ test\(s\)/)
                   named[number] = 1; failed += substr($0, RSTART) + 0
               }
               /^[0-9]+: \[  SKIPPED \] .*test\(s\)/ {
                   match($0, /[0-9]+ test\(s\)/)
                   failed += substr($0, RSTART) + 0
               }
               /Test +#[0-9]+: .*(\*\*\*|Not Run)/ {
                   match($0, /#[0-9]+/)
                   number = substr($0, RSTART + 1) + 0
                   if (!(number in named)) failed++
               }
               END { print passed + 0, failed + 0 }' "$log") "$log"
    grep -aE '\[  FAILED  \]|\*\*\*' "$log" | head -n 20 | sed 's/^/      /'
}
