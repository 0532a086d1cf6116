#!/usr/bin/env bash
# A PostgreSQL server of a test's own, on a socket in its folder.
#   tests/postgres.sh start DIR    makes it where it is missing, starts it, and prints its URL
#   tests/postgres.sh stop DIR     ends it at once, as if it had crashed; its data stay
#   tests/postgres.sh remove DIR   and with it its folder
# Exit code 77: PostgreSQL is not installed. DIR has a short name that anybody may reach; as root the
# server runs as nobody, since it refuses to run as root. With SARTOR_TEST_FSYNC=on commits are durable.
set -euo pipefail
what=$1 dir=$2

programs=$(command -v postgres || ls /usr/lib/postgresql/*/bin/postgres 2>/dev/null | tail -n 1)
[ -n "$programs" ] || { echo "PostgreSQL is not installed" >&2; exit 77; }
programs=$(dirname "$(readlink -f "$programs")")
as=()
if [ "$(id -u)" = 0 ]; then as=(setpriv --reuid=nobody --regid=nogroup --clear-groups); fi
cd /
pg() { local program=$1; shift; ${as[@]+"${as[@]}"} "$programs/$program" "$@"; }

case $what in
start)
  mkdir -p "$dir"
  chmod 755 "$dir"
  [ "$(id -u)" != 0 ] || chown nobody:nogroup "$dir"
  if [ ! -d "$dir/data" ]; then
    pg initdb -D "$dir/data" -U sartor -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$dir.init" 2>&1 ||
      { cat "$dir.init" >&2; exit 1; }
    rm -f "$dir.init"
  fi
  # Nothing inherits a pipe of ours: whoever reads the URL would wait for the server's end.
  pg pg_ctl -D "$dir/data" -w -l "$dir/log" -o \
    "-c listen_addresses='' -c unix_socket_directories='$dir' -c fsync=${SARTOR_TEST_FSYNC:-off} -c shared_buffers=16MB" \
    start >/dev/null 2>&1 </dev/null || { cat "$dir/log" >&2; exit 1; }
  printf 'postgresql://sartor@/postgres?host=%s\n' "$dir"
  ;;
stop) pg pg_ctl -D "$dir/data" -m immediate stop >/dev/null 2>&1 ;;
remove)
  pg pg_ctl -D "$dir/data" -m immediate stop >/dev/null 2>&1 || true
  rm -rf "$dir"
  ;;
*) echo "start, stop or remove?" >&2; exit 2 ;;
esac
