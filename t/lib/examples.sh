# Loads a complete configuration of conf-examples/ with nginx -t. The files
# that it names below /etc, /run and /var are laid below build/ under the same
# paths, so every line of the example is read as a user would load it.

# lay_file <root> <path>: something that nginx accepts in that place.
lay_file() {
    local path=$1$2
    [ ! -e "$path" ] || return 0
    mkdir -p "$(dirname "$path")"

    case $2 in
        */keys | *keys | *.keys)
            openssl rand -hex 32 >"$path" ;;
        *.key)
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 \
                -nodes -subj /CN=localhost -days 30 \
                -keyout "$path" -out "${path%.key}.crt" 2>/dev/null ;;
        *.crt | *.pem | *.cert)
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 \
                -nodes -subj /CN=localhost -days 30 \
                -keyout "${path%.*}.key" -out "$path" 2>/dev/null ;;
        */mime.types)
            cp /etc/nginx/mime.types "$path" ;;
        *)
            openssl rand -hex 96 >"$path" ;;
    esac
    chmod 600 "$path"
}

example_loads() {
    local example=$1 root=$build/conf/$(basename "$1" .conf) path
    local conf=$root/nginx.conf

    rm -rf "$root" && mkdir -p "$root/var/log/nginx" \
        "$root/var/lib/nginx" "$root/run/nginx"

    sed -e "s#\(load_module \).*ngx_http_l402_module.so#\1$L402_MODULE#" \
        -e "s#\([ :=]\)\(/etc\|/run\|/var\)/#\1$root\2/#g" \
        "$example" >"$conf"
    grep -q '^ *pid ' "$conf" || echo "pid $root/run/nginx.pid;" >>"$conf"
    grep -q '^ *error_log ' "$conf" || echo "error_log stderr;" >>"$conf"

    for path in $(grep -v '^ *#' "$conf" \
            | grep -oE "$root/etc/[^; \"']+" | LC_ALL=C sort -ur); do
        lay_file "$root" "${path#"$root"}"
    done
    # Relative to the configuration, as in /etc/nginx.
    cp /etc/nginx/mime.types "$root/"

    "$L402_NGINX" -t -p "$root" -c "$conf"
}
