# shellcheck shell=bash
# Looking through the logs of servers for what no log may hold. Tests plant it: secrets and keys with `canary` in them, a
# payer's telephone number, a card number. tests/payments/planted.rs sees that all of it would be found.

# look_through_logs FOLDER: fails when a log there holds what was planted, or cannot be read; else says how many
# there are, if any.
look_through_logs() {
  local log logs=() found status=0
  for log in "$1"/*.log; do
    # What says nothing proves nothing: it is not counted. What cannot be read is, and fails.
    [[ ! -s $log ]] || logs+=("$log")
  done
  [[ ${#logs[@]} -gt 0 ]] || return 0
  found=$(
    grep -F -H -n -e canary -e 221770001234 -e 4111111111111111 -- "${logs[@]}" | cut -c 1-500
    exit "${PIPESTATUS[0]}"
  ) || status=$?
  case $status in
    0)
      printf '%s\n' "$found" "a server's log holds what no log may hold" >&2
      return 1
      ;;
    1) echo "${#logs[@]} logs of servers hold nothing that they must not" ;;
    *)
      printf '%s\n' "$found" "the logs of servers cannot be looked through" >&2
      return 1
      ;;
  esac
}
