# One function a suite. Each counts what ran by the functions of count.sh.
# $sanitize is yes or no; $only is a single file of the suite, or empty.

# Files of a suite, or the one that was asked for.
files_of() {
    if [ -n "$only" ]; then
        echo "$only"
    else
        (cd "$repo" && compgen -G "$1" | LC_ALL=C sort)
    fi
}

# "a/b.t" -> a log's name
log_of() {
    mkdir -p "$build/log/$suite"
    echo "$build/log/$suite/$(basename "$1").log"
}

suite_unit() {
    local tree=$build filter=. log status
    log=$(log_of ctest)

    if [ $sanitize = yes ]; then
        tree=$build/sanitize/core
        quietly "$log" cmake -B "$tree" -S "$repo" -DL402_SANITIZE=ON \
                -DL402_MODULE=OFF -DCMAKE_BUILD_TYPE=RelWithDebInfo \
                -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-g -O1" \
            && quietly "$log" cmake --build "$tree" -j "$(nproc)" \
                --target unit_tests \
            || { count 0 1; return; }
    fi
    [ -z "$only" ] || filter="^$(basename "$only" .cpp)\$"

    ctest --test-dir "$tree" -V -R "$filter" --no-tests=error \
        >"$log" 2>&1 </dev/null
    status=$?
    count_cmocka ctest $status "$log"
}

# Test::Nginx gives up where a test that was broken off has left files, or its
# nginx.
clear_servroot() {
    local pid_file=$TEST_NGINX_SERVROOT/logs/nginx.pid pid
    if [ -s "$pid_file" ]; then
        pid=$(cat "$pid_file")
        [ "$(cat "/proc/$pid/comm" 2>/dev/null)" != nginx ] || kill "$pid"
    fi
    rm -rf "$TEST_NGINX_SERVROOT"
}

suite_nginx() {
    local file log status
    for file in $(files_of 't/*.t'); do
        log=$(log_of "$file")
        clear_servroot
        (cd "$repo" && timeout --kill-after=10 900 prove -v -It/lib "$file") \
            >"$log" 2>&1 </dev/null
        status=$?
        count_tap "$file" $status "$log"
    done
}

suite_e2e() {
    case ${only:-lnbits} in
        *lnbits*) need_lnbits || { count 0 1; return; } ;;
    esac
    node_tests 't/e2e/*.test.mjs'
}

# Clients of other makers: see clients.sh.
suite_clients() {
    install_clients || { count 0 1; return; }
    node_tests 't/e2e/clients/*.test.mjs'
}

# A real lnd: see lnd.sh.
suite_lnd() {
    need_lnd || { count 0 1; return; }
    node_tests 't/e2e/lnd/*.test.mjs'
}

node_tests() {
    local file log status
    for file in $(files_of "$1"); do
        log=$(log_of "$file")
        (cd "$repo" && timeout --kill-after=10 900 \
            node --test --test-reporter=tap "$file") \
            >"$log" 2>&1 </dev/null
        status=$?
        count_node "$file" $status "$log"
    done
}

# Bounded: each fuzzer starts from its corpus in the tree and works on a copy.
suite_fuzz() {
    local tree=$build/fuzz file name corpus log status ran options
    log=$(log_of build)

    CC=clang CXX=clang++ quietly "$log" cmake -B "$tree" -S "$repo" \
            -DL402_FUZZ=ON -DCMAKE_BUILD_TYPE=RelWithDebInfo \
            -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-g -O1" \
        && quietly "$log" cmake --build "$tree" -j "$(nproc)" \
        || { count 0 1; return; }

    for file in $(files_of 't/fuzz/fuzz_*.cpp'); do
        name=$(basename "$file" .cpp)
        log=$(log_of "$name")
        corpus=$repo/t/fuzz/corpus/${name#fuzz_}
        if [ -z "$(ls -A "$corpus" 2>/dev/null)" ]; then
            echo "   $name: no corpus in $corpus"
            count 0 1
            continue
        fi

        rm -rf "$tree/corpus/$name" && mkdir -p "$tree/corpus/$name"
        cp "$corpus"/* "$tree/corpus/$name/"
        options=(-max_total_time="${L402_FUZZ_SECONDS:-15}" -timeout=10
                 -rss_limit_mb=2048 -print_final_stats=1
                 -artifact_prefix="$tree/$name-")
        [ ! -f "$repo/t/fuzz/$name.dict" ] \
            || options+=(-dict="$repo/t/fuzz/$name.dict")

        timeout --kill-after=10 600 "$tree/$name" "${options[@]}" \
            "$tree/corpus/$name" >"$log" 2>&1 </dev/null
        status=$?
        ran=$(awk '/^stat::number_of_executed_units/ { print $2 }' "$log")
        count_run "$name" $status $((status == 0 && ${ran:-0} > 0)) 0 "$log"
    done
}

suite_demo() {
    local log status
    log=$(log_of demo)
    timeout --kill-after=10 600 "$repo/conf-examples/demo/run" --once \
        >"$log" 2>&1 </dev/null
    status=$?
    count_run conf-examples/demo/run $status $((status == 0)) 0 "$log"
}

# The complete configurations, as they stand, but for the places of files.
suite_conf() {
    local file log status
    for file in $(files_of 'conf-examples/*.conf'); do
        log=$(log_of "$file")
        example_loads "$repo/$file" >"$log" 2>&1 </dev/null
        status=$?
        count_run "$file" $status $((status == 0)) 0 "$log"
        [ $status = 0 ] || tail -n 5 "$log" | sed 's/^/      /'
    done
}

# nginx's own ./configure: dynamic and built in, with a newer nginx than the
# one that the CMake build is for.
suite_build() {
    local source=$build/deps/nginx-trixie-src kind log status

    fetch_source trixie nginx "$source" || { count 0 1; return; }

    for kind in dynamic static; do
        say "building nginx from source, the module $kind"
        log=$(log_of $kind)
        build_with_module "$source" $kind >"$log" 2>&1 </dev/null
        status=$?
        count_run "build, $kind" $status $((status == 0)) 0 "$log"
        [ $status = 0 ] || continue

        log=$(log_of $kind-serves)
        (serves_checks $kind "${L402_BUILD_PORT:-18480}") \
            >"$log" 2>&1 </dev/null
        status=$?
        count_tap "serves, $kind" $status "$log"
    done
}
