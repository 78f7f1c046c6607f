# nginx from source, with the module or under sanitizers. Everything is kept
# below build/, and make decides what has to be built again.

nginx_features=(
    --with-compat --with-debug --with-threads --with-pcre-jit
    --with-http_ssl_module --with-http_v2_module --with-http_realip_module
    --with-http_auth_request_module --with-http_addition_module
    --with-http_sub_module --with-http_dav_module --with-http_gunzip_module
    --with-http_gzip_static_module --with-http_random_index_module
    --with-http_secure_link_module --with-http_slice_module
    --with-http_stub_status_module --with-http_flv_module
    --with-http_mp4_module
)

# build_nginx <source> <work folder> [configure arguments]
# The binary is <work folder>/nginx.
build_nginx() {
    local source=$1 work=$2 configure=./configure stamp
    shift 2

    stamp=$( { printf '%s\n' "$@" "${nginx_features[@]}"
               cat "$repo/config" "$repo/t/lib/sanitizer_hooks.c" \
                   "$source/src/core/nginx.h"
               cd "$repo" && ls src/core src/invoice src/redis src/nginx \
                   include/l402
             } | sha256sum)

    if [ "$stamp" != "$(cat "$work/configured" 2>/dev/null)" ]; then
        rm -rf "$work" && mkdir -p "$work/logs"
        cp -R "$source" "$work/src"
        [ -x "$work/src/configure" ] || configure=auto/configure
        (cd "$work/src" && $configure --prefix="$work" \
            "${nginx_features[@]}" "$@") || return 1
        echo "$stamp" >"$work/configured"
    fi

    make -s -C "$work/src" -f objs/Makefile -j "$(nproc)" || return 1
    cp "$work/src/objs/nginx" "$work/nginx"
}

# The newer nginx of suite_build: build_with_module <source> dynamic|static
build_with_module() {
    local option=--add-dynamic-module
    [ "$2" = dynamic ] || option=--add-module

    build_nginx "$1" "$build/nginx-$2" "$option=$repo" \
        --with-cc-opt="-g -O2 -fPIC"
}

# Loads it with the least configuration and sends a few requests. Says so in
# TAP. What is asked: the module is where it has to be among nginx's own, and
# reaches the node.
serves_checks() {
    local work=$build/nginx-$1 port=$2 load= base=http://127.0.0.1:$2
    [ "$1" = static ] \
        || load="load_module $work/src/objs/ngx_http_l402_module.so;"

    mkdir -p "$work/html/free" && echo content >"$work/html/free/file"
    cp -r "$work/html/free/." "$work/html/" && mkdir -p "$work/html/paid" \
        && cp "$work/html/file" "$work/html/paid/"
    openssl rand -hex 32 >"$work/keys" && chmod 600 "$work/keys"
    cat >"$work/nginx.conf" <<END
$load
pid $work/nginx.pid;
error_log $work/error.log info;
events {}
http {
    access_log off;
    l402_key_file $work/keys;
    l402_invoice_service node {
        protocol lnd;
        url $L402_NODE_URL;
        network regtest;
        credential_file $L402_NODE_MACAROON;
    }
    server {
        listen 127.0.0.1:$port;
        root $work/html;
        location /free/ { }
        location /paid/ { l402 demo; l402_price 10sat; }
        location /deny/ { l402 demo; l402_price 10sat; deny all; }
    }
}
END
    tap "nginx -t" "$work/nginx" -t -p "$work" -c "$work/nginx.conf"
    tap "starts" "$work/nginx" -p "$work" -c "$work/nginx.conf"
    tap "an open location serves" status_is 200 "$base/free/file"
    tap "a protected one asks for payment" status_is 402 "$base/paid/file"
    tap "its challenge has an invoice" challenge_has_invoice "$base/paid/file"
    tap "deny refuses before that" status_is 403 "$base/deny/file"
    "$work/nginx" -p "$work" -c "$work/nginx.conf" -s quit
    echo "1..$tap_number"
}

tap_number=0

tap() {
    local name=$1 word="not ok"
    shift
    tap_number=$((tap_number + 1))
    "$@" && word=ok
    echo "$word $tap_number - $name"
}

status_is() {
    local got
    got=$(curl -s -o /dev/null --max-time 20 -w '%{http_code}' "$2")
    [ "$got" = "$1" ] || { echo "# $2 answered $got, not $1"; return 1; }
}

challenge_has_invoice() {
    curl -s -i --max-time 20 "$1" \
        | grep -qi '^www-authenticate: L402 macaroon="[^"]*", invoice="lnbcrt'
}
