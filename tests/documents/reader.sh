# shellcheck shell=bash
# What a reader of the documents does beside typing their commands. This comes before the commands of one document,
# in a shell that begins in an empty folder.
#
#   $PROGRAM   the program that was built
#   $ROOT      the checkout
#
# | typed | done |
# |---|---|
# | cargo run --release -- demo | the demo is started in another terminal, and the lines that it says to copy are copied to this one |
# | cargo build --release | nothing: it is built |
# | servelink sandbox | the same: a payment backend in another terminal |
# | servelink, ./target/release/servelink | the built program; `serve` in another terminal |
# | servelink key revoke 0a1b2c3d4e5f | the key that was made last is revoked: its id is nobody's to foresee |
# | scripts/test, scripts/bench | it is there and can be run; this is part of such a run |
# | curl | fails unless the answer's status is the expected one: 2xx, or what stands behind `sh` |
#
# Servers take a free port, and are stopped at the end, which must succeed.

set -euo pipefail

export SERVELINK_LISTEN=127.0.0.1:0 SANDBOX_LISTEN=127.0.0.1:0
expected='2??'
servers=()
last_key=

# in_another_terminal LINE ARGUMENT...: starts the program and waits until it has printed such a line.
in_another_terminal() {
  local line=$1 out=../terminal.${#servers[@]}
  shift
  "$PROGRAM" "$@" >"$out" 2>&1 </dev/null &
  servers+=($!)
  local until=$((SECONDS + 30))
  until grep -q "$line" "$out"; do
    if ! kill -0 $! 2>/dev/null || ((SECONDS > until)); then
      cat "$out" >&2
      return 1
    fi
    sleep 0.02
  done
  terminal=$out
}

# Copies the lines that the program in the other terminal says to copy.
copy_exports() {
  # shellcheck source=/dev/null
  . <(grep -E '^ *export [A-Z_]+=' "$terminal")
}

stop_servers() {
  local status=$? server
  for server in "${servers[@]}"; do
    kill -TERM "$server" 2>/dev/null || status=1
    wait "$server" || status=1
  done
  exit "$status"
}
trap stop_servers EXIT

cargo() {
  case "$*" in
    'run --release -- demo')
      in_another_terminal 'Ctrl-C ends' demo
      copy_exports
      ;;
    'build --release') ;;
    *) command cargo "$@" ;;
  esac
}

servelink() {
  local out
  case "$*" in
    '' | serve*) in_another_terminal 'Servelink listens on' "$@" ;;
    sandbox*)
      in_another_terminal 'Ctrl-C ends' "$@"
      copy_exports
      ;;
    'key create'*)
      out=$("$PROGRAM" "$@")
      echo "$out"
      last_key=${out#*slk_}
      last_key=${last_key%%_*}
      ;;
    'key revoke 0a1b2c3d4e5f') "$PROGRAM" key revoke "$last_key" ;;
    *) "$PROGRAM" "$@" ;;
  esac
}

./target/release/servelink() {
  servelink "$@"
}

scripts/test() {
  [[ -x $ROOT/scripts/test ]]
}

scripts/bench() {
  [[ -x $ROOT/scripts/bench ]]
}

curl() {
  local status
  : >../answer
  # What is expected is a pattern.
  # shellcheck disable=SC2053
  if ! status=$(command curl --noproxy '*' -sS -o ../answer -w '%{http_code}' "$@") || [[ $status != $expected ]]; then
    echo "curl $*: $status $(cat ../answer)" >&2
    return 1
  fi
  cat ../answer
  echo
}
