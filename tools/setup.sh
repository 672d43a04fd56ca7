#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tools/setup.sh <group>...: installs what tools/packages.txt lists for these groups and is missing.
# Asks dpkg first, so it takes milliseconds and no rights when everything is there.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '== %s\n' "$*"; }
die() { printf 'setup: %s\n' "$@" >&2; exit 1; }

wanted=()
while read -r group package command; do
  for asked in "$@"; do
    [[ $group == "$asked" ]] || continue
    if [[ -z $command ]] || ! command -v "$command" >/dev/null; then wanted+=("$package"); fi
  done
done < <(grep -v '^#' "$root/tools/packages.txt")

command -v dpkg-query >/dev/null ||
  die "this is not Debian: install the equivalents of ${wanted[*]} yourself, then build with cmake --preset release"
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null || true)
missing=()
for package in "${wanted[@]}"; do
  grep -qx "installed $package" <<<"$installed" || missing+=("$package")
done
((${#missing[@]})) || exit 0

release=$(. /etc/os-release && echo "${ID:-?} ${VERSION_ID:-?}")
[[ $release == 'debian 12' ]] ||
  say "warning: this is $release, not debian 12: packages may be named differently or be missing"

as_root=()
if ((EUID != 0)); then
  command -v sudo >/dev/null ||
    die "these packages are missing and I am neither root nor is there sudo:" "  ${missing[*]}" \
        "run as root: apt-get update && apt-get install --no-install-recommends ${missing[*]}"
  as_root=(sudo)
fi

# Installing a server must not start one: port 1883 is ours and a test needs no system service.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
  trap '"${as_root[@]}" rm -f "$policy"' EXIT
fi

say "installing ${#missing[@]} Debian packages: ${missing[*]}"
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y -q -o DPkg::Lock::Timeout=120
     -o Acquire::Retries=3 -o Dpkg::Use-Pty=0)
"${apt[@]}" update -o APT::Update::Error-Mode=any ||
  die "apt-get update failed: is there a network, and does /etc/apt name a mirror that answers?"
"${apt[@]}" install --no-install-recommends "${missing[@]}" ||
  die "apt-get install failed; its last lines above say why"
for service in mosquitto prometheus ssh; do
  case " ${missing[*]} " in
    *" ${service/ssh/openssh-server} "*)
      [[ ! -d /run/systemd/system ]] || "${as_root[@]}" systemctl disable --now "$service" || true ;;
  esac
done
