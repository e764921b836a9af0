#!/bin/sh
# Makes the secrets of one installation, once. What is there already is left as it is.
#
#   sudo deploy/make-secrets.sh [FOLDER]      FOLDER: deploy/secrets
#
# Each file is readable by one account alone: that of the container which reads it (a container that runs without
# root cannot read a file of root's). So this must run as root, and two accounts never share a file.
set -eu
umask 077
folder=${1:-$(dirname "$0")/secrets}
ours=10001 postgres=999 valkey=999

[ "$(id -u)" = 0 ] || { echo "Run this with sudo: it hands each secret to the account that reads it." >&2; exit 1; }
mkdir -p "$folder"
chmod 0711 "$folder" # accounts may reach their file, and list nothing

word() { # 32 random letters and digits: 190 bits, nothing that a URL or a shell could take for something else
    LC_ALL=C tr -dc 'A-Za-z0-9' < /dev/urandom | head -c 32
}

secret() { # name account content: written beside, then named, so that half a secret never stands there
    [ -e "$folder/$1" ] && return
    printf '%s\n' "$3" > "$folder/$1.new"
    chmod 0600 "$folder/$1.new"
    chown "$2:$2" "$folder/$1.new"
    mv "$folder/$1.new" "$folder/$1"
    echo "made $folder/$1"
}

secret postgres_password "$postgres" "$(word)"
secret postgres_owner_password "$postgres" "$(word)"
secret postgres_app_password "$postgres" "$(word)"
secret valkey_conf "$valkey" "requirepass $(word)"
secret minio_root_user "$ours" "root-$(word | head -c 12)"
secret minio_root_password "$ours" "$(word)"
secret s3_access_key "$ours" "chartrier-$(word | head -c 10)"
secret s3_secret_key "$ours" "$(word)"

# the same passwords, as our own processes want them
database=postgres:5432/chartrier
secret database_owner_url "$ours" "postgresql+psycopg://chartrier_owner:$(cat "$folder/postgres_owner_password")@$database"
secret database_url "$ours" "postgresql+psycopg://chartrier_app:$(cat "$folder/postgres_app_password")@$database"
secret broker_url "$ours" "redis://:$(sed -n 's/^requirepass //p' "$folder/valkey_conf")@valkey:6379/0"
