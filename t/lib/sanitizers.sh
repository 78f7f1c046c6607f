# nginx and the module under AddressSanitizer and UBSan, and what they report.

reports=$build/sanitize/reports

# nginx's pools would hide leaks and overruns: NGX_DEBUG_PALLOC gives each
# allocation to malloc. nginx itself has undefined behaviour of its own, so
# UBSan looks at the module alone. nginx unloads the module as it exits, before
# leaks are looked for: nodelete keeps what its globals point to reachable.
sanitized_nginx() {
    local source=$build/deps/nginx-bookworm-src work=$build/sanitize/nginx
    local common="-g -O1 -fno-omit-frame-pointer -fPIC"

    fetch_source bookworm nginx "$source" || return 1

    say "building nginx and the module under ASan and UBSan"
    mkdir -p "$build/sanitize"
    gcc -c -fPIC -DL402_REPORTS="\"$reports\"" \
        -o "$build/sanitize/sanitizer_hooks.o" "$repo/t/lib/sanitizer_hooks.c" \
        || return 1

    quietly "$build/log/sanitize-nginx.log" \
        build_nginx "$source" "$work" \
            --with-cc-opt="$common -fsanitize=address -DNGX_DEBUG_PALLOC=1" \
            --with-ld-opt="-fsanitize=address,undefined \
                           $build/sanitize/sanitizer_hooks.o" \
        || return 1

    local checks="-fsanitize=address,undefined -fno-sanitize-recover=undefined"
    NGINX_BINARY=$work/nginx NGINX_CC_OPT="$common $checks" \
    NGINX_LD_OPT="-fsanitize=address,undefined -Wl,-z,nodelete" \
        quietly "$build/log/sanitize-module.log" \
            "$repo/cmake/build_module.sh" "$repo" "$source" \
                "$build/sanitize/module" \
                "$build/sanitize/ngx_http_l402_module.so"
}

# Commas, not colons: Test::Nginx edits the list. Everything is
# slower, so Test::Nginx waits longer.
use_sanitizers() {
    rm -rf "$reports" && mkdir -p "$reports" && chmod 1777 "$reports"

    export ASAN_OPTIONS="detect_leaks=1,detect_stack_use_after_return=1,\
abort_on_error=0,log_path=$reports/asan"
    export LSAN_OPTIONS="suppressions=$repo/t/lib/lsan.supp,\
print_suppressions=0"
    # The unit tests'; for nginx see sanitizer_hooks.c.
    export UBSAN_OPTIONS=print_stacktrace=1
    export L402_SANITIZE=1
    export L402_NGINX=$build/sanitize/nginx/nginx
    export L402_MODULE=$build/sanitize/ngx_http_l402_module.so
    export TEST_NGINX_TIMEOUT=${TEST_NGINX_TIMEOUT:-15}
}

# Each process that reported something is a failure, whatever its test said.
count_reports() {
    local found report
    # A worker writes its report as it exits, after the test has gone on.
    sleep 1
    found=$(find "$reports" -type f -size +0)
    for report in $found; do
        echo "   sanitizer report: $report"
        head -n 12 "$report" | sed 's/^/      /'
        mv "$report" "$build/log/$suite/" 2>/dev/null || :
        count 0 1
    done
}
