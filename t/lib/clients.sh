# The clients of the suite `clients`: what t/e2e/clients pins, fetched into
# build/clients under names that are digests of the pins. A changed pin is
# fetched anew, an unchanged one asks no network.

client_packages=(python3-venv ca-certificates)

# Debian 12's own is enough; a newer one does as well.
missing_go() {
    command -v go >/dev/null || echo golang-go
}

digest_of() {
    cat "$@" | sha256sum | cut -c 1-16
}

client_python() {
    local pins=$repo/t/e2e/clients/requirements.txt folder
    folder=$build/clients/python-$(digest_of "$pins")
    export L402_CLIENTS_PYTHON=$folder/bin/python
    [ ! -e "$folder/complete" ] || return 0

    say "fetching the clients in Python"
    rm -rf "$folder"
    quietly "$build/log/clients-venv.log" /usr/bin/python3 -m venv "$folder" \
        && quietly "$build/log/clients-pip.log" \
            "$folder/bin/pip" install --disable-pip-version-check --no-input \
                --only-binary :all: -r "$pins" \
        && touch "$folder/complete"
}

# The binary alone is kept: what it is built from takes twenty times its size.
client_grpc() {
    local source=$repo/t/e2e/clients/go work=$build/clients/go
    export L402_CLIENTS_GRPC=$build/clients/grpc-$(digest_of "$source"/*)
    [ ! -x "$L402_CLIENTS_GRPC" ] || return 0

    say "fetching and building the client in Go"
    (cd "$source" \
        && GOPATH=$work/path GOCACHE=$work/cache GOTOOLCHAIN=local GOWORK=off \
            GOFLAGS="-mod=readonly -modcacherw -buildvcs=false" CGO_ENABLED=0 \
            quietly "$build/log/clients-go.log" \
                go build -trimpath -ldflags="-s -w" -o "$work/grpc" .) \
        && mv "$work/grpc" "$L402_CLIENTS_GRPC" \
        && rm -rf "$work"
}

# Those in JavaScript are fetched by t/e2e/packages.mjs as they are loaded.
install_clients() {
    client_python && client_grpc
}
