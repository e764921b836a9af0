#!/bin/bash
# Stands for the image of Elasticsearch: settings come as environment variables with a dot in their names.
set -euo pipefail
echo "not there yet" >&2
exec sleep infinity
