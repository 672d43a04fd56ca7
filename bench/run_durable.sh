#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Durable publishing: QoS 1 of 256 B, acknowledged after fdatasync, in one run on one file system:
#   floor    no MQTT: what 100 connections send is appended to a file, one fdatasync for all
#            that came, answers (durable_floor.cpp); `floor, zeroed` appends into written zeros
#   file     no sockets either: 100 packets, fdatasync, again
#   firehose serve, log.mode = disk
#   nats     nats-server behind its MQTT gateway, JetStream with sync_interval: always
# All servers have one durable subscriber that is away, so that everybody has to keep the messages.
#   bench/run_durable.sh [rounds=3] [seconds=4]
# BENCH_DIR names the folder (and so the file system); NATS_SERVER a nats-server that is there.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
rounds=${1:-3} seconds=${2:-4}
nats_version=v2.15.2
packet=(--packet-bytes 274 --id-at 16)  # durable_load's PUBLISH of 256 B.
build_bench

# The Go module proxy has it; without Go its columns stay empty, and that is said.
nats=${NATS_SERVER:-$PWD/build/bench/nats-$nats_version/nats-server}
if [[ ! -x $nats ]] && command -v go >/dev/null; then
  GOBIN=$(dirname "$nats") timeout 900 go install "github.com/nats-io/nats-server/v2@$nats_version" \
    >"$dir/go.out" 2>&1 || tail -3 "$dir/go.out"
fi
[[ -x $nats ]] || echo 'nats-server: not measured, there is neither Go nor NATS_SERVER'

declare -A rates cpus p50s p99s
note() {  # note <case> <line>
  rates[$1]+=" $(value rate "$2")" cpus[$1]+=" $(value server_us "$2")"
  p50s[$1]+=" $(value p50_ms "$2")" p99s[$1]+=" $(value p99_ms "$2")"
  printf '  %-26s %s\n' "$1" "$2" >&2
}
use_load() { load --seconds "$seconds" --window "$window" "$@"; }

floor() {  # floor <case> [--zeroed]
  local name=$1
  shift
  : >"$dir/floor.out"
  "$build/bench/durable_floor" "$dir/floor.dat" "${packet[@]}" "$@" >"$dir/floor.out" &
  server=$!
  wait_for '^port=' "$dir/floor.out"
  port=$(sed 's/port=//' "$dir/floor.out")
  note "$name" "$(use_load)"
  wait "$server" || true
  server=
  rm -f "$dir/floor.dat"
}

firehose() {
  start_firehose "$dir/firehose" 'mode = "disk"'
  note "firehose w=$window" "$(use_load --user bench --password-file "$dir/password" --durable-reader away)"
  stop_server
  rm -rf "$dir/firehose"
}

nats() {
  mkdir -p "$dir/nats"
  cat >"$dir/nats.conf" <<END
server_name: bench
listen: "127.0.0.1:-1"
jetstream { store_dir: "$dir/nats", sync_interval: always }
mqtt { listen: "127.0.0.1:-1" }
END
  : >"$dir/nats.log"
  "$nats" -c "$dir/nats.conf" >"$dir/nats.log" 2>&1 &
  server=$!
  wait_for 'Server is ready' "$dir/nats.log"
  port=$(sed -nE 's/.*Listening for MQTT clients on .*:([0-9]+)$/\1/p' "$dir/nats.log")
  note "nats w=$window" "$(use_load --durable-reader away)"
  stop_server
  rm -rf "$dir/nats"
}

machine
[[ -x $nats ]] && "$nats" --version
for window in 1 16; do
  for ((round = 0; round < rounds; round++)); do
    if ((window == 1)); then
      note file "$("$build/bench/durable_floor" "$dir/floor.dat" "${packet[@]}" --alone 2)"
      note 'file, zeroed' "$("$build/bench/durable_floor" "$dir/floor.dat" "${packet[@]}" --alone 2 --zeroed)"
      rm -f "$dir/floor.dat"
    fi
    floor "floor w=$window"
    floor "floor, zeroed w=$window" --zeroed
    firehose
    [[ -x $nats ]] && nats
  done
done

printf '\nmedians of %s rounds of %s s; 100 publishers, w = unacknowledged publishes of each\n' "$rounds" "$seconds"
printf '%-22s %12s %14s %9s %9s\n' case messages/s 'server us/msg' 'p50 ms' 'p99 ms'
for name in file 'file, zeroed' {'floor','floor, zeroed',firehose,nats}' w='{1,16}; do
  [[ -n ${rates[$name]:-} ]] || continue
  printf '%-22s %12s %14s %9s %9s\n' "$name" "$(median ${rates[$name]})" "$(median ${cpus[$name]})" \
    "$(median ${p50s[$name]:-})" "$(median ${p99s[$name]:-})"
done
for window in 1 16; do
  mine=$(median ${rates["firehose w=$window"]})
  printf 'w=%s: firehose / floor %s, / floor, zeroed %s' "$window" "$(ratio "$mine" "$(median ${rates["floor w=$window"]})")" \
    "$(ratio "$mine" "$(median ${rates["floor, zeroed w=$window"]})")"
  [[ -z ${rates["nats w=$window"]:-} ]] || printf ', / nats %s' "$(ratio "$mine" "$(median ${rates["nats w=$window"]})")"
  ((window == 1)) && printf '   (goals: 0.7 of the floor, 2 x nats)'
  printf '\n'
done
