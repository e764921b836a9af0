#!/bin/bash
# Installs or builds the real servers that the tests start; given "validators", only the programs that judge and
# look for the other tests. Quick when everything is there.
set -euo pipefail
cd "$(dirname "$0")/../.."
cache="${XDG_CACHE_HOME:-$HOME/.cache}/chartrier"
mkdir -p "$cache"
exec 9> "$cache/install.lock" # two runs at once: the second waits, then finds everything
flock 9

packages() { # name:package …: what the PATH lacks and Debian has
    missing=""
    for pair in "$@"; do
        PATH="$PATH:/usr/lib/postgresql/15/bin" command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair##*:}"
    done
    [ -z "$missing" ] && return
    [ "$(id -u)" = 0 ] || { echo "Install these packages, then run this again:$missing" >&2; exit 1; }
    # a package must not start a server of its own: the tests start theirs
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        trap 'rm -f "$policy"' EXIT # whatever happens: left behind, no package would ever start its service again
        printf '#!/bin/sh\nexit 101\n' > "$policy"
        chmod +x "$policy"
    fi
    for _ in $(seq 30); do # another run may hold the lists' lock: apt waits for dpkg's only
        apt-get update -qq && break || sleep 5
    done
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 install -y -qq --no-install-recommends $missing >/dev/null
}

minio() { # its community edition is archived: the last release that the Go module proxy serves
    release=RELEASE.2025-09-07T16-13-09Z
    module=github.com/minio/minio@v0.0.0-20250907161309-07c3a429bfed
    place="$cache/minio-$release"
    [ -x "$place/minio" ] && return
    command -v go >/dev/null || {
        echo "MinIO is built by Go 1.24 or newer, which Debian 12 does not have: install it (go.dev/dl) and put it into PATH." >&2
        exit 1
    }
    echo "Building MinIO $release (about four minutes, once)…"
    mkdir -p "$place.making"
    GOBIN="$place.making" go install -trimpath -ldflags "-s -w" "$module"
    mkdir -p "$place"
    mv "$place.making/minio" "$place/minio"
    rmdir "$place.making"
}

elasticsearch() { # put together from published jars; see elasticsearch_node/README.md
    make -s setup-test # what puts it together is Python with the tests' packages; says itself what it lacks
    "${VENV:-.venv}/bin/python" -m tests.servers.elasticsearch
}

if [ "${1:-}" = validators ]; then
    fc-list 2>/dev/null | grep -q Liberation && fonts="" || fonts="-:fonts-liberation fc-list:fontconfig"
    # shellcheck disable=SC2086
    packages chromium:chromium pdfsig:poppler-utils qpdf:qpdf gs:ghostscript tesseract:tesseract-ocr clamd:clamav-daemon $fonts
    exit
fi
packages initdb:postgresql redis-server:redis-server rabbitmq-server:rabbitmq-server clamd:clamav-daemon clamdscan:clamdscan caddy:caddy wget:wget curl:curl ip:iproute2 redis-cli:redis-tools mvn:maven
minio
elasticsearch
