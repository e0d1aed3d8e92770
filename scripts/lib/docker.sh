# shellcheck shell=bash
# A private Docker engine that lives in a temporary folder for as long as the script that started it. Needs say.sh and
# debian.sh.
#
# It keeps to itself: its own socket, data and containerd, no bridge, no rule in the firewall, no configuration of the
# machine's. Tests make volumes, images and containers in it, and measure them; what they run has a network of its own
# that leads nowhere but to this machine.

readonly DOCKER_START_SECONDS=60
readonly DOCKER_STOP_SECONDS=15
# Debian's package starts an engine for the whole machine unless this says that it must not.
readonly POLICY_RC_D=/usr/sbin/policy-rc.d

DOCKER_PID=
DOCKER_FOLDER=

docker_is_installed() {
  command -v dockerd >/dev/null && command -v containerd >/dev/null
}

# Only root can run an engine, so nobody else is asked to install one.
docker_install() {
  [[ $EUID -eq 0 ]] && ! docker_is_installed || return 0
  local policy=
  if [[ ! -e $POLICY_RC_D ]]; then
    policy=$POLICY_RC_D
    # Left behind by a script that was killed, it forbids nothing.
    printf '#!/bin/sh\n! kill -0 %s 2>/dev/null || exit 101\n' "$$" >"$policy"
    chmod 755 "$policy"
  fi
  # In a subshell: when it fails it ends that one, and the policy goes all the same.
  local status=0
  (debian_install docker.io) || status=$?
  [[ -z $policy ]] || rm -f "$policy"
  return "$status"
}

# docker_start FOLDER: makes an engine in FOLDER/docker (with log) and sets DOCKER_URL, its address. An engine that
# SERVELINK_TEST_DOCKER names is taken as it is; without root and without one, DOCKER_URL stays empty.
docker_start() {
  local folder=$1/docker log=$1/docker.log until=$((SECONDS + DOCKER_START_SECONDS))
  DOCKER_URL=${SERVELINK_TEST_DOCKER-}
  [[ -z $DOCKER_URL ]] || return 0
  if [[ $EUID -ne 0 ]]; then
    say "no Docker engine: dockerd needs root, and the tests that measure one will fail"
    return
  fi
  mkdir -m 700 "$folder"
  DOCKER_FOLDER=$folder
  echo '{}' >"$folder/daemon.json"
  docker_launch "$folder" >"$log" 2>&1 </dev/null
  while ! curl --silent --fail --max-time 5 --output /dev/null --unix-socket "$folder/docker.sock" http://docker/_ping; do
    if ((SECONDS >= until)) || ! kill -0 "$DOCKER_PID" 2>/dev/null; then
      cat "$log" >&2
      fail "dockerd did not start: its log is above"
    fi
    sleep 0.05
  done
  say "$(dockerd --version) is up on $folder/docker.sock"
  # shellcheck disable=SC2034 # for whoever sources this
  DOCKER_URL=unix://$folder/docker.sock
}

# --pdeathsig: even when the script is killed outright, the engine follows it. setsid: Ctrl-C reaches the tests first,
# and the engine goes when the script stops it.
docker_launch() {
  setsid setpriv --pdeathsig TERM -- dockerd --config-file="$1/daemon.json" --host="unix://$1/docker.sock" \
    --data-root="$1/data" --exec-root="$1/exec" --pidfile="$1/docker.pid" --group="$(id -gn)" \
    --storage-driver=vfs --bridge=none --iptables=false --ip6tables=false --ip-forward=false --log-level=warn &
  DOCKER_PID=$!
}

# Asked to end, it ends its containerd too; killed, it takes that along, but leaves its data mounted on themselves.
docker_stop() {
  [[ -n $DOCKER_PID ]] || return 0
  local until=$((SECONDS + DOCKER_STOP_SECONDS))
  kill -TERM "$DOCKER_PID" 2>/dev/null || true
  while kill -0 "$DOCKER_PID" 2>/dev/null && ((SECONDS < until)); do
    sleep 0.05
  done
  kill -KILL "$DOCKER_PID" 2>/dev/null || true
  wait "$DOCKER_PID" 2>/dev/null || true
  DOCKER_PID=
  while umount "$DOCKER_FOLDER/data" 2>/dev/null; do :; done
}
