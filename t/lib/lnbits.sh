# The real LNbits of t/e2e/lnbits.test.mjs: what t/e2e/lnbits pins, fetched
# into build/lnbits under a name that is the pins' digest, and started once.

lnbits_packages=(python3-venv ca-certificates)

install_lnbits() {
    local pins=$repo/t/e2e/lnbits/requirements.txt folder
    folder=$build/lnbits/python-$(digest_of "$pins")
    export L402_LNBITS_PYTHON=$folder/bin/python
    [ ! -e "$folder/complete" ] || return 0

    say "fetching LNbits"
    rm -rf "$folder"
    quietly "$build/log/lnbits-venv.log" /usr/bin/python3 -m venv "$folder" \
        && quietly "$build/log/lnbits-pip.log" \
            "$folder/bin/pip" install --disable-pip-version-check --no-input \
                --prefer-binary -r "$pins" \
        && touch "$folder/complete"
}

# Ended with the other services.
need_lnbits() {
    [ -z "${L402_LNBITS_URL:-}" ] || return 0

    install_lnbits || return 1
    say "starting LNbits"
    start_service t/e2e/lnbits_start lnbits
}
