#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Goal:   a bus built with sanitizers survives WebSocket readers that come and go without manners,
#         without a crash, a leak or a report, and steady readers miss nothing.
# Method: starts `firehose serve` on free loopback ports with a publisher's account, runs ws_soak
#         against it, stops it with SIGTERM and looks at its exit code and at what it wrote.
#   run.sh <firehose> <ws_soak> <readers> <messages a second>
# FIREHOSE_SOAK_SECONDS (60) says how long; FIREHOSE_SOAK_KEEP=1 keeps the folder with the logs.
set -euo pipefail
firehose=$1 soak=$2 readers=$3 rate=$4
seconds=${FIREHOSE_SOAK_SECONDS:-60}
dir=$(mktemp -d)
server=
finish() {
  [[ -z $server ]] || kill -KILL "$server" 2>/dev/null || true
  if [[ -n ${FIREHOSE_SOAK_KEEP:-} ]]; then echo "kept: $dir"; else rm -rf "$dir"; fi
}
trap finish EXIT
give_up() {
  echo "soak: $1"
  tail -n 60 "$dir/server.err" || true
  exit 1
}

echo "soak-$RANDOM-$RANDOM-$RANDOM" >"$dir/password"
"$firehose" passwd "$dir/users" soak <"$dir/password" >"$dir/passwd.out"
printf '%s\n' 'topic read #' 'user soak' 'topic readwrite soak/#' >"$dir/acl"
cat >"$dir/firehose.toml" <<END
data = "$dir/var"
[listen]
mqtt = ["127.0.0.1:0"]
http = ["127.0.0.1:0"]
[auth]
password_file = "$dir/users"
acl_file = "$dir/acl"
END

: >"$dir/server.out"
"$firehose" serve -c "$dir/firehose.toml" >"$dir/server.out" 2>"$dir/server.err" &
server=$!
for ((i = 0; i < 300; i++)); do
  grep -q '^ready ' "$dir/server.out" && break
  kill -0 "$server" 2>/dev/null || break
  sleep 0.1
done
ready=$(grep -m1 '^ready ' "$dir/server.out") || give_up 'the server did not become ready'
port() { sed -E "s/.*$1=[^ ]*:([0-9]+).*/\1/" <<<"$ready"; }

status=0
timeout $((seconds + 120)) "$soak" --mqtt-port "$(port mqtt)" --http-port "$(port http)" --readers "$readers" \
  --rate "$rate" --seconds "$seconds" --user soak --password-file "$dir/password" || status=$?
kill -0 "$server" 2>/dev/null || give_up 'the server is gone'
kill -TERM "$server"
server_status=0
timeout 60 tail --pid="$server" -f /dev/null || kill -KILL "$server"
wait "$server" || server_status=$?
server=
((server_status == 0)) || give_up "the server ended with status $server_status"
! grep -Eq 'Sanitizer|runtime error:' "$dir/server.err" || give_up 'a sanitizer reported'
((status == 0)) || give_up "ws_soak ended with status $status"
