# SPDX-License-Identifier: Apache-2.0
# Sourced by the benchmarks: builds, starts and ends servers of their own on loopback, and says what
# machine this is. Everything lives below $dir (BENCH_DIR, else build/bench) and goes with it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=build/release
mkdir -p "${BENCH_DIR:-build/bench}"
dir=$(mktemp -d "${BENCH_DIR:-$PWD/build/bench}/run.XXXXXX")
server=
stop_server() {
  [[ -n $server ]] || return 0
  kill -TERM "$server" 2>/dev/null || true
  timeout 60 tail --pid="$server" -f /dev/null || kill -KILL "$server" 2>/dev/null || true
  wait "$server" 2>/dev/null || true
  server=
}
finish() {
  if [[ -n $server ]]; then
    kill -KILL "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  rm -rf "$dir"
}
trap finish EXIT
give_up() { echo "$(basename "$0"): $*" >&2; exit 1; }

build_bench() {
  [[ -n ${BENCH_NO_BUILD:-} ]] && return
  cmake --preset release -DFIREHOSE_BENCH=ON >/dev/null
  cmake --build "$build" --target firehose durable_load durable_floor session_load >"$dir/build.out" || {
    tail -30 "$dir/build.out"
    give_up 'the build failed'
  }
}

machine() {
  printf 'machine: %s cores, %s, %s MiB, Linux %s, %s on %s; load before: %s\n' "$(nproc)" \
    "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)" \
    "$(($(sed -n 's/^MemTotal: *\([0-9]*\).*/\1/p' /proc/meminfo) / 1024))" "$(uname -r)" \
    "$(stat -f -c %T "$dir")" "$(df --output=source "$dir" | tail -1)" "$(cut -d' ' -f1 /proc/loadavg)"
}

# wait_for <pattern> <file>: until a line of the server's matches; $SECONDS bounds it.
wait_for() {
  local end=$((SECONDS + ${3:-60}))
  until grep -q "$1" "$2" 2>/dev/null; do
    kill -0 "$server" 2>/dev/null || { tail -5 "$2" >&2; give_up 'the server ended'; }
    ((SECONDS < end)) || give_up "nothing matches $1"
    sleep 0.02
  done
}

# start_firehose <folder> [lines of firehose.toml's section log...]: sets server and port.
start_firehose() {
  local data=$1
  shift
  mkdir -p "$data"
  if [[ ! -f $dir/users ]]; then
    echo "bench-$RANDOM$RANDOM$RANDOM" >"$dir/password"
    "$build/firehose" passwd "$dir/users" bench <"$dir/password" >"$dir/passwd.out"
    printf '%s\n' 'topic read #' 'user bench' 'topic readwrite #' >"$dir/acl"
  fi
  {
    printf '%s\n' "data = \"$data\"" '[listen]' 'mqtt = ["127.0.0.1:0"]' 'http = ["127.0.0.1:0"]' \
      '[auth]' "password_file = \"$dir/users\"" "acl_file = \"$dir/acl\"" '[log]' "$@"
  } >"$dir/firehose.toml"
  : >"$dir/firehose.out"
  "$build/firehose" serve -c "$dir/firehose.toml" >"$dir/firehose.out" 2>"$dir/firehose.err" &
  server=$!
  wait_for '^ready ' "$dir/firehose.out" 120
  port=$(sed -nE 's/^ready mqtt=[^ ]*:([0-9]+) .*/\1/p' "$dir/firehose.out")
}

load() { "$build/bench/durable_load" --port "$port" --pid "$server" "$@"; }
load_firehose() { load --user bench --password-file "$dir/password" "$@"; }

# value <name> <line>: one of the load generator's name=value pairs.
value() { sed -nE "s/(^|.* )$1=([^ ]*).*/\2/p" <<<"$2"; }
# median <numbers...>
median() { printf '%s\n' "$@" | sort -g | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN {printf "%.2f", b ? a / b : 0}'; }
