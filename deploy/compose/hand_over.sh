#!/bin/sh
# Copy what prepare.sh made into the volume of each container, for the user of that container alone. The compose file runs
# it as root before all others, without a network: Docker gives a secret from a file the owner and the rights that the
# file has on the host, where users of these numbers may be other people.
# A configuration that its server writes to is copied once; all else, with each start.
set -eu
from=${1:-/private}
to=${2:-/volumes}

give() { # volume, owner, files
    folder=$to/$1
    owner=$2
    shift 2
    mkdir -p "$folder"
    for file in "$@"; do
        case $file in
        *.conf) [ -s "$folder/$file" ] || install -m 600 "$from/$file" "$folder/$file" ;;
        *) install -m 400 "$from/$file" "$folder/$file" ;;
        esac
    done
    chown -R "$owner" "$folder"
    chmod 700 "$folder"
}
give node 10001:10001 token_secret redis_password metrics_token ca.crt
give redis 999:999 redis.crt redis.key ca.crt users.acl redis-1.conf redis-2.conf \
    sentinel-1.conf sentinel-2.conf sentinel-3.conf
give proxy 99:99 site.pem
give prometheus 65534:65534 metrics_token
give grafana 472:0 grafana_password
