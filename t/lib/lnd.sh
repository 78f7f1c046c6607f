# A real lnd and the btcd that keeps its chain: what t/e2e/lnd pins, built into
# build/lnd under a name that is the pins' digest, and started once.

# The Go that lnd asks for. Newer ones do as well; an older one, such as
# Debian 12's, fetches it as the module that Go itself takes it from.
lnd_go=1.24.9
lnd_packages=(ca-certificates)

go_for_lnd() {
    local work=$1 version least toolchain

    version=$(go env GOVERSION 2>/dev/null)
    least=$(printf '%s\n' "$lnd_go" "${version#go}" | sort -V | head -n 1)
    go=go
    [ "$least" != "$lnd_go" ] || return 0

    say "fetching Go $lnd_go"
    toolchain=golang.org/toolchain@v0.0.1-go$lnd_go
    toolchain+=.$(go env GOOS)-$(go env GOARCH)
    quietly "$build/log/lnd-go.log" \
        env GOPATH="$work/path" GOFLAGS=-modcacherw \
            go mod download "$toolchain" || return 1

    # A module holds no modes.
    chmod -R u+x "$work/path/pkg/mod/$toolchain/bin" \
                 "$work/path/pkg/mod/$toolchain/pkg/tool"
    go=$work/path/pkg/mod/$toolchain/bin/go
}

# The programs alone are kept: what they are built from takes twenty times
# their size.
install_lnd() {
    local source=$repo/t/e2e/lnd work=$build/lnd/work go
    local lnd=github.com/lightningnetwork/lnd

    export L402_LND_BIN
    L402_LND_BIN=$build/lnd/$(digest_of "$source"/go.{mod,sum})
    [ ! -e "$L402_LND_BIN/complete" ] || return 0

    install_packages $(missing_packages "${lnd_packages[@]}") $(missing_go) \
        && mkdir -p "$L402_LND_BIN" "$work" \
        && go_for_lnd "$work" || return 1

    say "fetching and building lnd: minutes"
    # invoicesrpc: hold invoices.
    (cd "$source" \
        && GOPATH=$work/path GOCACHE=$work/cache GOTOOLCHAIN=local GOWORK=off \
            GOFLAGS="-mod=readonly -modcacherw -buildvcs=false" CGO_ENABLED=0 \
            quietly "$build/log/lnd-build.log" \
                "$go" build -tags invoicesrpc -trimpath -ldflags="-s -w" \
                    -o "$L402_LND_BIN/" github.com/btcsuite/btcd \
                    "$lnd/cmd/lnd" "$lnd/cmd/lncli") \
        && touch "$L402_LND_BIN/complete" \
        && rm -rf "$work"
}

# Ended with the other services.
need_lnd() {
    [ -z "${L402_LND_SELLER:-}" ] || return 0

    install_lnd || return 1
    say "starting two lnd with a channel"
    start_service t/e2e/lnd/start lnd
}
