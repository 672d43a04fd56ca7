#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Proves the two commands in an empty Debian 12 root: debootstrap, clone, ./run --demo until it serves
# and readers get events, then ./test. Called by ./test --bare-root; needs root and a network.
# Everything runs in its own mount and pid namespace, so nothing is left mounted or running.
#   BARE_ROOT_KEEP=1 keeps the root for a look.
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '\n== bare root: %s\n' "$*"; }
die() { printf 'bare root: %s\n' "$*" >&2; exit 1; }
((EUID == 0)) || die 'debootstrap and chroot need root: run ./test --bare-root as root'
unshare --mount --pid --fork true 2>/dev/null || die 'this machine does not allow mount and pid namespaces'

work=$(mktemp -d "${TMPDIR:-/var/tmp}/firehose-bare.XXXXXX")
bare=$work/root
inside=
trap '[[ -z $inside ]] || kill -KILL "$inside" 2>/dev/null || true
      wait || true
      [[ -n ${BARE_ROOT_KEEP:-} ]] && echo "kept: $bare" || rm -rf --one-file-system "$work"' EXIT
trap 'exit 130' INT TERM

# The machine's own mirror, resolver and certificates are used; none of them is known to the project.
list=$(apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' \
  'Created-By: Packages' | sort -u | grep ' bookworm' || true)
mirror=$(awk '$3 == "bookworm" { print $2; exit }' <<<"$list")

say "debootstrap into $bare"
debootstrap --variant=minbase bookworm "$bare" ${mirror:+"$mirror"} >"$work/debootstrap.log" 2>&1 ||
  { tail -n 20 "$work/debootstrap.log"; die 'debootstrap failed'; }
if [[ -n $list ]]; then printf '%s\n' "$list" >"$bare/etc/apt/sources.list"; fi
grep -ls '^[^/#]*Acquire::' /etc/apt/apt.conf.d/* | xargs -r cp -t "$bare/etc/apt/apt.conf.d/" || true
rm -f "$bare"/etc/apt/apt.conf.d/docker-*
cp -L /etc/resolv.conf /etc/hosts "$bare/etc/"

environment=(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
             TERM="${TERM:-dumb}")
while IFS='=' read -r name value; do
  case $name in http_proxy | https_proxy | no_proxy | HTTP_PROXY | HTTPS_PROXY | NO_PROXY)
    environment+=("$name=$value") ;;
  esac
done < <(env)
bundle=${NODE_EXTRA_CA_CERTS:-${SSL_CERT_FILE:-}}
if [[ -r $bundle ]]; then
  cp "$bundle" "$bare/etc/host-certificates.pem"
  for name in NODE_EXTRA_CA_CERTS SSL_CERT_FILE CURL_CA_BUNDLE NPM_CONFIG_CAFILE; do
    environment+=("$name=/etc/host-certificates.pem")
  done
fi

say 'a clean clone'
git -c safe.directory='*' clone --quiet --no-local "$repo" "$bare/firehose"

# in_root <command>: in the root, with its own /proc and /dev/shm; all of it ends with the command.
in_root() {
  exec unshare --mount --pid --fork --kill-child bash -c '
    mount -t proc proc "$0/proc" && mount -t tmpfs -o mode=1777 tmpfs "$0/dev/shm" &&
    mount -t devpts -o newinstance,ptmxmode=0666 devpts "$0/dev/pts" &&
    exec env -i "${@:2}" chroot "$0" bash -c "cd /firehose && $1"' "$bare" "$1" "${environment[@]}"
}
healthy() {
  (exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /healthz HTTP/1.0\r\n\r\n' >&3 &&
    timeout 5 head -n 1 <&3 | grep -q ' 200 ') 2>/dev/null
}
if healthy; then die 'something serves on port 8080 already'; fi

say './run --demo'
begun=$SECONDS
(in_root './run --demo') &
inside=$!
until healthy; do
  kill -0 "$inside" 2>/dev/null || { wait "$inside" || true; inside=; die './run --demo ended'; }
  ((SECONDS - begun < 1800)) || die './run --demo did not serve within 30 minutes'
  sleep 1
done
run_seconds=$((SECONDS - begun))
say "serving after $run_seconds s; now as a reader"
(in_root 'tools/setup.sh test >/dev/null && set -ex
  timeout 60 mosquitto_sub -V 5 -t "gerrit/#" -C 3 -F "%t %l bytes"
  timeout 60 curl -sSN "http://127.0.0.1:8080/events?topic=gerrit/%23" | head -n 2 | cut -c 1-120
  curl -fsS http://127.0.0.1:8080/ | grep -i "<title>"') || die 'a reader in the root got nothing'
kill -KILL "$inside" && { wait "$inside" || true; }
inside=

say './test'
begun=$SECONDS
(in_root ./test) 2>&1 | tee "$work/test.log" || true
test_seconds=$((SECONDS - begun))
sum=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$work/test.log" | tail -n 1 || true)
say "./run --demo served after $run_seconds s; ./test took $test_seconds s: ${sum:-no sum}"
[[ $sum == *' 0 failed,'* ]]
