#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Rounds of kill -9 of the real program under QoS 1 and 2 load (crash_rounds.cpp says what is held):
#   run.sh [--rounds 500] [--firehose <binary> --crash-rounds <binary>] [more of crash_rounds' flags]
# Without binaries it builds and runs the release preset. FIREHOSE_CRASH_KEEP=1 keeps the folder.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
rounds=500 firehose='' crash_rounds='' more=()
while (($#)); do
  case $1 in
    --rounds) rounds=$2; shift 2 ;;
    --firehose) firehose=$2; shift 2 ;;
    --crash-rounds) crash_rounds=$2; shift 2 ;;
    *) more+=("$1"); shift ;;
  esac
done
if [[ -z $firehose ]]; then
  cd "$here/../.."
  cmake --preset release -DFIREHOSE_TESTS=ON >/dev/null
  cmake --build --preset release --target firehose crash_rounds >/dev/null
  firehose=$PWD/build/release/firehose crash_rounds=$PWD/build/release/tests/crash/crash_rounds
fi

# Segments roll, are sealed and go, and checkpoints are written, while it is killed.
options='[checkpoint]
interval = "200 ms"
[limits]
packet_bytes_max = "64 KiB"
[log]
bytes = "32 MiB"
segment_bytes = "1 MiB"'

dir=$(mktemp -d "${TMPDIR:-/var/tmp}/firehose-crash.XXXXXX")
finish() { if [[ -n ${FIREHOSE_CRASH_KEEP:-} ]]; then echo "kept: $dir"; else rm -rf "$dir"; fi; }
trap finish EXIT
echo "crash-$RANDOM-$RANDOM-$RANDOM" >"$dir/password"
"$firehose" passwd "$dir/users" crash <"$dir/password" >"$dir/passwd.out"
printf '%s\n' 'topic read #' 'user crash' 'topic readwrite crash/#' \
  'topic readwrite kept/#' >"$dir/acl"

status=0
timeout $((120 + rounds * 30)) "$crash_rounds" --firehose "$firehose" --folder "$dir" \
  --password-file "$dir/password" --rounds "$rounds" --options "$options" "${more[@]}" || status=$?
if grep -Eq 'Sanitizer|runtime error:|assert' "$dir/errors"; then
  echo 'crash: the program reported'
  status=1
fi
((status == 0)) || tail -n 40 "$dir/errors"
exit "$status"
