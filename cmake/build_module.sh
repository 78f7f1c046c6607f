#!/bin/bash
# Builds the nginx module from an nginx source tree, as nginx's own makefile
# does it, and copies it to <output>. Called by CMake for every build: make
# knows what has to be done again.
#
#   build_module.sh <repository> <nginx source> <work folder> <output>
#
# The nginx source is either a full one or the headers of Debian's nginx-dev
# (with conf_flags). NGINX_BINARY names an nginx whose configure arguments are
# taken over for a full one; NGINX_CC_OPT and NGINX_LD_OPT replace the
# compiler's and linker's options.
set -euo pipefail

repo=$1
nginx_source=$2
work=$3
output=$4

cc_opt=${NGINX_CC_OPT:-"-g -O2 -fstack-protector-strong -Wformat \
-Werror=format-security -fPIC -D_FORTIFY_SOURCE=2"}
ld_opt=${NGINX_LD_OPT:-"-Wl,-z,relro -Wl,-z,now"}
log=$work/build.log

if ! [ -f "$nginx_source/auto/module" ]; then
    echo "no nginx source in $nginx_source:" \
         "install the Debian package nginx-dev, or give -DNGINX_SOURCE=<folder>" >&2
    exit 1
fi

# Features that must match the nginx that loads the module are the same in
# every build made with --with-compat.
configure_flags() {
    if [ -n "${NGINX_BINARY:-}" ]; then
        local arguments
        arguments=$("$NGINX_BINARY" -V 2>&1 | sed -n 's/^configure arguments: //p')
        eval "NGX_CONF_FLAGS=($arguments)"
    elif [ -f "$nginx_source/conf_flags" ]; then
        . "$nginx_source/conf_flags"
    else
        NGX_CONF_FLAGS=(--with-threads --with-http_ssl_module
                        --with-http_v2_module --with-http_realip_module
                        --with-http_auth_request_module)
    fi

    flags=(--with-compat)
    for flag in "${NGX_CONF_FLAGS[@]}"; do
        case $flag in
            # What belongs to another build, or another module.
            --with-compat | --with-cc-opt=* | --with-ld-opt=* \
            | --add-module=* | --add-dynamic-module=* | --with-*=dynamic) ;;
            *) flags+=("$flag") ;;
        esac
    done
}

# What configure depends on; make sees to the rest.
fingerprint() {
    printf '%s\n' "$nginx_source" "$cc_opt" "$ld_opt" "${flags[@]}"
    cat "$repo/config" "$nginx_source/src/core/nginx.h"
    cd "$repo" && find include src -name '*.h' -o -name '*.cpp' | LC_ALL=C sort
}

report_failure() {
    echo "the module did not build; the end of $log:" >&2
    tail -n 60 "$log" >&2
    exit 1
}

configure_flags
mkdir -p "$work"
stamp=$(fingerprint | sha256sum)

if [ "$stamp" != "$(cat "$work/configured" 2>/dev/null)" ]; then
    rm -rf "$work/src" "$work/configured"
    mkdir -p "$work/src"
    tar -C "$nginx_source" --exclude=./objs --exclude=./Makefile -cf - . \
        | tar -C "$work/src" -xf -

    echo "configuring nginx's headers from $nginx_source"
    configure=./configure
    [ -x "$work/src/configure" ] || configure=auto/configure
    (cd "$work/src" \
        && $configure "${flags[@]}" \
                       --with-cc-opt="$cc_opt" --with-ld-opt="$ld_opt" \
                       --add-dynamic-module="$repo") >"$log" 2>&1 \
        || report_failure
    echo "$stamp" >"$work/configured"
fi

# MAKEFLAGS: the jobs of the make that runs CMake's targets are not ours.
MAKEFLAGS="" make -s -C "$work/src" -f objs/Makefile -j "$(nproc)" modules \
    >"$log" 2>&1 || report_failure

# Warnings are errors of nginx's makefile, so there is nothing else to show.
built=$work/src/objs/ngx_http_l402_module.so
# Moved into place: an nginx that runs has the old file mapped, and would crash
# if its contents changed.
if ! cmp -s "$built" "$output"; then
    cp "$built" "$output.new"
    mv "$output.new" "$output"
fi
