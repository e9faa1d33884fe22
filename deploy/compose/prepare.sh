#!/bin/sh
# Make what the compose file needs and no repository may hold: a private authority, certificates, passwords, the secret.
# What is there already stays. Needs openssl. All of it is for the user who runs this alone; hand_over.sh gives each
# container a copy of what it needs.
set -eu
umask 077
cd "$(dirname "$0")"
mkdir -p private
chmod 700 private
cd private
config=../../../config

secret() { [ -s "$1" ] || openssl rand -hex 32 >"$1"; }
for name in token_secret redis_password replica_password sentinel_password metrics_token grafana_password; do
    secret "$name"
done

if [ ! -s ca.crt ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 825 \
        -subj "/CN=Dossier private authority" -keyout ca.key -out ca.crt
fi
certificate() { # name, alternative names
    [ -s "$1.crt" ] && return
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout "$1.key" -out "$1.csr"
    printf 'subjectAltName=%s\n' "$2" >"$1.ext"
    openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 397 -extfile "$1.ext" -out "$1.crt"
    rm -f "$1.csr" "$1.ext"
}
certificate redis "DNS:redis-1,DNS:redis-2,DNS:sentinel-1,DNS:sentinel-2,DNS:sentinel-3"
certificate site "DNS:localhost,IP:127.0.0.1"
cat site.crt site.key >site.pem

digest() { printf %s "$(cat "$1")" | openssl dgst -sha256 -r | cut -d' ' -f1; }
sed -e "/^user dossier /s/resetpass/#$(digest redis_password)/" \
    -e "/^user replica /s/resetpass/#$(digest replica_password)/" \
    -e "/^user sentinel /s/resetpass/#$(digest sentinel_password)/" "$config/users.acl" >users.acl

tls="tls-cert-file /private/redis.crt
tls-key-file /private/redis.key
tls-ca-cert-file /private/ca.crt
tls-auth-clients no
tls-replication yes
tls-protocols TLSv1.3"
for number in 1 2; do
    [ -s "redis-$number.conf" ] && continue
    {
        sed -e '/^bind /d' -e '/^port /d' -e '/^dir /d' -e '/^aclfile /d' -e '/^maxmemory /d' "$config/redis.conf"
        printf '%s\n' "port 0" "tls-port 6379" "dir /data" "aclfile /private/users.acl" "maxmemory 1gb" "$tls" \
            "masteruser replica" "masterauth $(cat replica_password)" \
            "replica-announce-ip redis-$number" "replica-announce-port 6379"
        [ "$number" = 1 ] || printf '%s\n' "replicaof redis-1 6379"
    } >"redis-$number.conf"
done
for number in 1 2 3; do
    [ -s "sentinel-$number.conf" ] && continue
    printf '%s\n' "port 0" "tls-port 26379" "dir /tmp" "$tls" \
        "sentinel resolve-hostnames yes" "sentinel announce-hostnames yes" "sentinel announce-ip sentinel-$number" \
        "sentinel monitor dossier redis-1 6379 2" "sentinel down-after-milliseconds dossier 3000" \
        "sentinel failover-timeout dossier 10000" "sentinel parallel-syncs dossier 1" \
        "sentinel auth-user dossier sentinel" "sentinel auth-pass dossier $(cat sentinel_password)" >"sentinel-$number.conf"
done
chmod 600 ./* # also what an earlier version left open to others
