#!/bin/bash
# Stands for freshclam where no mirror is reachable: one signature of our own, that of the EICAR test file.
set -euo pipefail
while [ $# -gt 0 ]; do
    case $1 in
        --config-file) configuration=$2; shift ;;
        --foreground | --daemon) ;;
        *) echo "not understood: $1" >&2; exit 1 ;;
    esac
    shift
done
folder=$(sed -n 's/^DatabaseDirectory //p' "$configuration")
eicar='X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'
printf 'Test.EICAR:0:*:%s\n' "$(printf %s "$eicar" | od -An -v -tx1 | tr -d ' \n')" > "$folder/own.ndb.new"
mv "$folder/own.ndb.new" "$folder/own.ndb"
exec sleep infinity
