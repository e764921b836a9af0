#!/bin/bash
# What the official image's entrypoint does, as far as the compose file relies on it: a new data folder is made and
# the scripts of /docker-entrypoint-initdb.d are run on a server that only they can reach; then the command.
set -euo pipefail
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    mkdir -p "$PGDATA"
    chmod 0700 "$PGDATA"
    # shellcheck disable=SC2086
    initdb --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" ${POSTGRES_INITDB_ARGS:-} >/dev/null
    # the password file has no line for local connections: the image trusts its own socket while it prepares
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
    pg_ctl -D "$PGDATA" -w -o "-c listen_addresses='' -k /var/run/postgresql" start >/dev/null
    export PGHOST=/var/run/postgresql
    psql --username "$POSTGRES_USER" --dbname postgres -qc "CREATE DATABASE \"$POSTGRES_DB\""
    for script in /docker-entrypoint-initdb.d/*; do
        case $script in
            *.sh) "$script" ;;
            *) echo "not understood: $script" >&2; exit 1 ;;
        esac
    done
    pg_ctl -D "$PGDATA" -w -m fast stop >/dev/null
    unset PGHOST
fi
command=$1
shift
exec "$command" -c "listen_addresses=*" -c unix_socket_directories=/var/run/postgresql "$@"
