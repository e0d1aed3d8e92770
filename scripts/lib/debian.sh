# shellcheck shell=bash
# Installs Debian packages. Needs say.sh.

# Makes Debian's server package come without a running "main" cluster: the tests start their own, and a second server
# would take memory and port 5432 from whoever owns the machine. The setting holds for this one installation only.
readonly NO_MAIN_CLUSTER=/etc/postgresql-common/createcluster.d/servelink-tests.conf

# debian_install PACKAGE...: installs them as root; otherwise says what is missing and ends the script.
debian_install() {
  [[ $# -gt 0 ]] || return 0
  if [[ $EUID -ne 0 ]] || ! command -v apt-get >/dev/null; then
    fail "missing: $*" "They are Debian's names. Install them, then run this again, for example:" \
      "sudo apt-get install --no-install-recommends $*"
  fi

  say "installing from Debian: $*"
  local log
  log=$(mktemp)
  if ! without_main_cluster debian_apt "$@" >"$log" 2>&1 </dev/null; then
    cat "$log" >&2
    fail "apt-get could not install: $*" "Its output is above and in $log"
  fi
  rm -f "$log"
}

# A subshell, so that the setting goes with it however it ends.
without_main_cluster() (
  trap 'rm -f "$NO_MAIN_CLUSTER"' EXIT
  mkdir -p "${NO_MAIN_CLUSTER%/*}"
  echo 'create_main_cluster = false' >"$NO_MAIN_CLUSTER"
  "$@"
)

# Another apt-get (unattended upgrades, a second run of this script) is waited for.
debian_apt() {
  apt-get -o DPkg::Lock::Timeout=300 update &&
    DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"
}
