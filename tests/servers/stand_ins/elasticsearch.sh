#!/bin/bash
# Stands for the image of Elasticsearch: settings come as environment variables with a dot in their names, the node
# answers on every address, data and logs lie where the image has them. Settings of xpack name a module that these
# published jars do not have.
set -euo pipefail
[ $# = 0 ] || { echo "not understood: $*" >&2; exit 1; }
run=/tmp/node
mkdir -p "$run/config"
{
    echo "network.host: 0.0.0.0"
    echo "transport.port: 0"
    echo "path.data: /usr/share/elasticsearch/data"
    echo "path.logs: /usr/share/elasticsearch/logs"
    echo "cluster.routing.allocation.disk.threshold_enabled: false"
    # the shell passes on no name with a dot: they are read where the kernel keeps them
    tr '\0' '\n' < "/proc/$$/environ" | sed -n '/^xpack\./d; s/^\([a-z_]*\.[a-z_.]*\)=/\1: /p'
} > "$run/config/elasticsearch.yml"
exec bash /stand_ins/node/start.sh "$ES_PROGRAMS" "$run" 9200
