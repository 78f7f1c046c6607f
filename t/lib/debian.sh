# Debian packages: what is missing, and what only another suite has.

build_packages=(
    g++ make cmake
    nginx nginx-dev
    libssl-dev libcurl4-openssl-dev libsodium-dev libsecp256k1-dev
    libhiredis-dev nlohmann-json3-dev libcli11-dev
)

demo_packages=(curl openssl)

test_packages=(
    "${demo_packages[@]}"
    clang libclang-rt-14-dev llvm
    redis-server redis-sentinel
    libcmocka-dev libmacaroons-dev python3 python3-pymacaroons
    nghttp2-client valgrind git procps groff-base
    # Test::Nginx and what it loads
    perl libtest-base-perl libtext-diff-perl libtest-longstring-perl
    liblist-moreutils-perl liburi-perl libwww-perl libipc-run-perl
    # nginx from source
    libpcre2-dev zlib1g-dev xz-utils
)

bench_packages=("${demo_packages[@]}" wrk valgrind redis-server)

missing_packages() {
    local package
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" \
            = installed ] || echo "$package"
    done
}

# nodejs of another origin than Debian brings npm along.
missing_node() {
    local major=0
    if command -v node >/dev/null; then
        major=$(node -p 'process.versions.node.split(".")[0]')
    fi
    [ "$major" -ge 18 ] || echo nodejs ca-certificates
    command -v npm >/dev/null || echo npm
}

install_packages() {
    [ $# -gt 0 ] || return 0
    [ "$(id -u)" = 0 ] || die "not installed, and only root may: $*"

    say "installing Debian packages: $*"
    export DEBIAN_FRONTEND=noninteractive
    quietly "$build/log/apt-update.log" apt-get update
    quietly "$build/log/apt-install.log" \
        apt-get install -y --no-install-recommends "$@"
}

# The machine's own Debian mirror, whatever it is.
debian_mirror() {
    local format='$(LABEL) $(COMPONENT) $(REPO_URI)'
    apt-get indextargets --format "$format" 'Created-By: Packages' \
        | awk '$1 == "Debian" && $2 == "main" { print $3; exit }'
}

# Runs apt-get on a suite that the machine does not have, with lists of its
# own: the machine's configuration and lists stay as they are.
#   apt_of <suite> <folder> <apt-get arguments>
apt_of() {
    local suite=$1 state=$build/deps/apt/$1 mirror
    local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    shift

    mirror=$(debian_mirror)
    if [ -z "$mirror" ]; then
        quietly "$build/log/apt-update.log" apt-get update || return 1
        mirror=$(debian_mirror)
    fi
    [ -n "$mirror" ] || die "apt knows no Debian mirror"

    mkdir -p "$state/lists/partial" "$state/archives/partial"
    printf '%s [signed-by=%s] %s %s main\n' \
        deb "$keyring" "$mirror" "$suite" \
        deb-src "$keyring" "$mirror" "$suite" >"$state/sources.list"

    apt-get -o Dir::Etc::sourcelist="$state/sources.list" \
            -o Dir::Etc::sourceparts=- \
            -o Dir::State::lists="$state/lists" \
            -o Dir::Cache::archives="$state/archives" \
            -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
            -o APT::Sandbox::User=root \
            -o Acquire::Languages=none \
            "$@"
}

# fetch_package <suite> <package> <folder>: unpacks one .deb below <folder>.
fetch_package() {
    local suite=$1 package=$2 folder=$3 partial=$3.partial
    [ -d "$folder" ] && return 0

    say "fetching $package from Debian $suite (one package, not installed)"
    rm -rf "$partial" && mkdir -p "$partial/root"
    quietly "$build/log/$package.log" apt_of "$suite" update || return 1
    (cd "$partial" \
        && quietly "$build/log/$package.log" apt_of "$suite" download "$package" \
        && dpkg-deb -x ./*.deb root) || return 1
    mv "$partial/root" "$folder" && rm -rf "$partial"
}

# fetch_source <suite> <package> <folder>: the upstream source of a package.
fetch_source() {
    local suite=$1 package=$2 folder=$3 partial=$3.partial
    [ -d "$folder" ] && return 0

    say "fetching the source of $package from Debian $suite"
    rm -rf "$partial" && mkdir -p "$partial/root"
    quietly "$build/log/$package-$suite.log" apt_of "$suite" update || return 1
    (cd "$partial" \
        && quietly "$build/log/$package-$suite.log" \
            apt_of "$suite" source --download-only --tar-only \
                "$package" \
        && tar -C root --strip-components=1 -xf ./"$package"_*.orig.tar.*[!c]) \
        || return 1
    mv "$partial/root" "$folder" && rm -rf "$partial"
}
