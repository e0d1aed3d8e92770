# shellcheck shell=bash
# One line for each step, on standard error: what a script prints as its result stays alone on standard output.

say() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# Ends the script; each further argument is a line that says what to do.
fail() {
  say "$1"
  shift
  [[ $# -eq 0 ]] || printf '    %s\n' "$@" >&2
  exit 1
}
