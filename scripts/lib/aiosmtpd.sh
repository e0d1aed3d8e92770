# shellcheck shell=bash
# A real SMTP server from the Python package index, in a virtual environment that is made once. Needs say.sh, and
# python_with_venv of traefik.sh.

readonly AIOSMTPD_VERSION=1.4.6

aiosmtpd_is_there() {
  [[ $("$1" -c 'import aiosmtpd; print(aiosmtpd.__version__)' 2>/dev/null) == "$AIOSMTPD_VERSION" ]]
}

# aiosmtpd_install FOLDER: makes FOLDER/venv-mail when it is not there yet, and sets AIOSMTPD_PYTHON, a Python that has
# the server.
aiosmtpd_install() {
  local venv=$1/venv-mail
  AIOSMTPD_PYTHON=$venv/bin/python
  mkdir -p "$1"
  # Two runs at once: the second waits, then finds it done. The lock ends with the subshell.
  (
    flock 9
    ! aiosmtpd_is_there "$AIOSMTPD_PYTHON" || exit 0
    say "installing aiosmtpd $AIOSMTPD_VERSION into $venv"
    "$(python_with_venv)" -m venv --clear "$venv" && "$AIOSMTPD_PYTHON" -m pip install --quiet \
      "aiosmtpd==$AIOSMTPD_VERSION" >&2
  ) 9>"$venv.lock" || fail "aiosmtpd could not be installed" "It is the Python package aiosmtpd $AIOSMTPD_VERSION."
  aiosmtpd_is_there "$AIOSMTPD_PYTHON" || fail "$AIOSMTPD_PYTHON has no aiosmtpd $AIOSMTPD_VERSION"
  say "aiosmtpd $AIOSMTPD_VERSION is in $venv"
}
