#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# From exec to "ready": an empty data folder, one with many records after a clean stop, and the same
# after kill -9. The goal: at most 3 times the empty one's, or 2 s.
#   bench/start_up.sh [records=10000000] [rounds=5]
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
records=${1:-10000000} rounds=${2:-5}
build_bench
machine
now_ms() { date +%s%3N; }
times=
start_timed() {  # start_timed <folder>
  local begin
  begin=$(now_ms)
  start_firehose "$1" 'mode = "disk"'
  times+=" $(($(now_ms) - begin))"
}
show() { printf '%-34s %8s   (%s )\n' "$1" "$(median $times)" "$times"; times=; }

printf '%-34s %8s\n' 'start with' 'ms'
for ((round = 0; round < rounds; round++)); do
  start_timed "$dir/empty$round"
  stop_server
done
show 'an empty folder'

start_firehose "$dir/full" 'mode = "disk"'
load_firehose --qos 0 --messages "$records" >"$dir/load.out"
stop_server
for ((round = 0; round < rounds; round++)); do
  start_timed "$dir/full"
  stop_server
done
show "$records records, clean stop"
for ((round = 0; round < rounds; round++)); do
  start_firehose "$dir/full" 'mode = "disk"'
  load_firehose --seconds 1 --warm-up 0 --window 16 >"$dir/load.out"
  kill -KILL "$server"
  wait "$server" 2>/dev/null || true
  server=
  start_timed "$dir/full"
  stop_server
done
show "$records records, kill -9"
du -sh "$dir/full" | sed 's/\t.*/ on disk/'
