#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What history costs: the program's CPU per published message of 256 B at QoS 0, 100 publishers,
#   memory        log.mode = memory: unlinked files, never synced
#   disk          log.mode = disk, one segment: nothing is sealed during the run
#   disk, sealed  log.mode = disk, segments of 64 MiB: sealed (compressed, indexed) behind the writer
# until the program is idle again. disk - memory is judged against 0.35 us, sealed - disk against 1 us.
#   bench/history_cost.sh [rounds=5] [messages=3000000]
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
rounds=${1:-5} messages=${2:-3000000}
build_bench
machine
declare -A cpus
measure() {  # measure <case> <lines of section log...>
  local name=$1 line
  shift
  start_firehose "$dir/firehose" "$@"
  line=$(load_firehose --qos 0 --messages "$messages")
  cpus[$name]+=" $(value server_us "$line")"
  printf '  %-14s %s\n' "$name" "$line" >&2
  stop_server
  rm -rf "$dir/firehose"
}
for ((round = 0; round < rounds; round++)); do
  measure memory 'mode = "memory"' 'bytes = "8 GiB"' 'segment_bytes = "4 GiB"'
  measure disk 'mode = "disk"' 'bytes = "8 GiB"' 'segment_bytes = "4 GiB"'
  measure 'disk, sealed' 'mode = "disk"' 'bytes = "8 GiB"' 'segment_bytes = "64 MiB"'
done
printf '\nmedians of %s rounds of %s messages\n%-14s %14s\n' "$rounds" "$messages" case 'server us/msg'
declare -A median
for name in memory disk 'disk, sealed'; do
  median[$name]=$(median ${cpus[$name]})
  printf '%-14s %14s\n' "$name" "${median[$name]}"
done
awk -v m="${median[memory]}" -v d="${median[disk]}" -v s="${median[disk, sealed]}" 'BEGIN {
  printf "history on: %+.3f us (goal 0.35); sealing: %+.3f us (goal 1)\n", d - m, s - d}'
