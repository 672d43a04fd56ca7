#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What stays in memory (resident set, and of it what is the program's own, without mapped files):
#   sessions  durable sessions with one subscription whose clients are away; goal: 300 bytes each
#   history   nothing grows with its length
#   bench/memory.sh [sessions=100000] [messages=5000000]
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
sessions=${1:-100000} messages=${2:-5000000}
build_bench
machine
memory() { awk -v name="$1" '$1 == name":" {print $2}' "/proc/$server/status"; }
sessions() {
  "$build/bench/session_load" --port "$port" --pid "$server" --user bench --password-file "$dir/password" "$@"
}
options=('mode = "disk"' 'memory_bytes = "1 MiB"' '[session]' 'count_max = 1000000')  # The window of memory would count as sessions.

start_firehose "$dir/sessions" "${options[@]}"
sessions --count 2000 >"$dir/warm-up.out"  # Buffers and tables that any load makes.
before=$(memory RssAnon)
sessions --first 2000 --count "$sessions"
after=$(memory RssAnon)
printf 'sessions: %s kB before, %s kB after %s more: %s bytes each (goal: under 300)\n' "$before" "$after" \
  "$sessions" $(((after - before) * 1024 / sessions))
stop_server
start_firehose "$dir/sessions" "${options[@]}"
printf 'after a clean start: %s kB own, %s kB resident\n' "$(memory RssAnon)" "$(memory VmRSS)"
stop_server

start_firehose "$dir/history" 'mode = "disk"'
printf '%12s %12s %12s\n' messages 'own kB' 'resident kB'
for ((done = 0; done < messages; done += messages / 10)); do
  load_firehose --qos 0 --messages $((messages / 10)) >"$dir/load.out"
  printf '%12s %12s %12s\n' $((done + messages / 10)) "$(memory RssAnon)" "$(memory VmRSS)"
done
stop_server
