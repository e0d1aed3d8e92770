# shellcheck shell=bash
# A private Postgres that lives in a temporary folder for as long as the script that started it. Needs say.sh.
#
# It listens on 127.0.0.1 only, asks for a password that nobody else knows, and flushes to disk like a real one: the
# tests of durability mean something, and so do the figures of a benchmark.

# Tests run in parallel, and many open a pool of their own.
readonly POSTGRES_MAX_CONNECTIONS=300
readonly POSTGRES_START_SECONDS=60
readonly POSTGRES_START_TRIES=5

POSTGRES_PID=

# Prints the folder with initdb and postgres, of the newest installed version; nothing when there is none.
postgres_bin() {
  local initdb
  initdb=$(compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -V | tail -n 1) || return 0
  echo "${initdb%/initdb}"
}

# Postgres refuses to run as root, so root lends it the account that Debian's package made.
postgres_as() {
  if [[ $EUID -eq 0 ]]; then
    setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"
  else
    "$@"
  fi
}

postgres_free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# postgres_start FOLDER: makes a server in FOLDER/postgres (with log) and sets POSTGRES_URL, its superuser's address.
postgres_start() {
  local bin data=$1/postgres log=$1/postgres.log port try password
  bin=$(postgres_bin)
  password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')

  # The account of Postgres has to pass through the temporary folder, which mktemp gives to its owner only.
  chmod 755 "$1"
  mkdir -m 700 "$data"
  (umask 077 && echo "$password" >"$1/postgres.password")
  [[ $EUID -ne 0 ]] || chown postgres: "$data" "$1/postgres.password"
  # --no-sync spares flushing the new, empty server only; the server itself runs with fsync on.
  # The password travels in clear (on loopback): a digest of it would cost an unoptimised client 4,096 rounds a connection.
  if ! (cd / && postgres_as "$bin/initdb" --pgdata="$data" --username=postgres --pwfile="$1/postgres.password" \
    --auth=password --encoding=UTF8 --locale=C --no-sync) >"$log" 2>&1; then
    cat "$log" >&2
    fail "initdb failed: its output is above"
  fi

  for ((try = 1; try <= POSTGRES_START_TRIES; try++)); do
    port=$(postgres_free_port)
    postgres_launch "$bin" "$data" "$port" >>"$log" 2>&1 </dev/null
    if postgres_wait "$data"; then
      say "$("$bin/postgres" --version) is up on 127.0.0.1:$port"
      # shellcheck disable=SC2034 # for whoever sources this
      POSTGRES_URL="postgres://postgres:$password@127.0.0.1:$port/postgres"
      return
    fi
    grep -q 'could not bind' "$log" || break
    say "port $port was taken in between: trying another"
  done
  cat "$log" >&2
  fail "Postgres did not start: its log is above"
}

# --pdeathsig: even when the script is killed outright, the server follows it. setsid: Ctrl-C reaches the tests first,
# and the server goes when the script stops it.
postgres_launch() {
  local who=()
  [[ $EUID -ne 0 ]] || who=(--reuid=postgres --regid=postgres --init-groups)
  env --chdir=/ setsid setpriv "${who[@]}" --pdeathsig QUIT -- "$1/postgres" -D "$2" \
    -c listen_addresses=127.0.0.1 -c port="$3" -c unix_socket_directories= \
    -c max_connections="$POSTGRES_MAX_CONNECTIONS" -c fsync=on -c synchronous_commit=on -c log_min_messages=warning &
  POSTGRES_PID=$!
}

# The last line of this file is the server's own word on how far it is; nobody else's server can answer in its place.
postgres_wait() {
  local until=$((SECONDS + POSTGRES_START_SECONDS))
  while ((SECONDS < until)); do
    ! grep -q '^ready' "$1/postmaster.pid" 2>/dev/null || return 0
    kill -0 "$POSTGRES_PID" 2>/dev/null || break
    sleep 0.05
  done
  postgres_stop
  return 1
}

# The data is thrown away, so the server need not tidy it up: an immediate shutdown.
postgres_stop() {
  [[ -n $POSTGRES_PID ]] || return 0
  kill -QUIT "$POSTGRES_PID" 2>/dev/null || true
  wait "$POSTGRES_PID" 2>/dev/null || true
  POSTGRES_PID=
}
