#!/bin/sh
# A device in a shell: serves the direct command "uptime" with mosquitto_sub and mosquitto_pub (docs/device-protocol.md).
#
#   serve-command.sh THING [HOST [PORT]]
#
# Once per id by a file per id, so also across restarts: `ID.begun` before it acts, `ID` with the answer after it. It judges
# lateness by its own clock, which NTP sets, and reads JSON with sed, which does for the requests that shadowctl sends; a real
# one would take jq.
set -eu
THING=$1 HOST=${2:-127.0.0.1} PORT=${3:-1883}
STATE=${STATE:-./commands}
mkdir -p "$STATE"

# The first member of that name in the request.
member() { printf '%s' "$request" | sed -n "s/\"$1\":\"\{0,1\}\([^\",}]*\).*/\n\1/;s/.*\n//p"; }

# Durable under its name, or not there at all.
keep() { printf '%s' "$2" >"$1.next" && sync "$1.next" && mv "$1.next" "$1"; }

refuse() { printf '{"id":"%s","status":"%s","problem":{"code":"%s","message":"%s"}}' "$id" "$1" "$2" "$3"; }

serve() {
  id=$(member id)
  case $id in '' | *[!a-zA-Z0-9:_-]*) return ;; esac # it becomes the name of a file
  answer=$STATE/$id
  if [ -e "$answer" ]; then
    : # asked before: the same answer, no second effect
  elif [ -e "$answer.begun" ]; then
    keep "$answer" "$(refuse failed interrupted 'the device went down while it was working on it')"
  elif [ "$(date +%s)000" -gt "$(member expiresAt)" ]; then
    keep "$answer" "$(refuse rejected expired 'it arrived after expiresAt')"
  elif [ "$(member name)" != uptime ]; then
    keep "$answer" "$(refuse rejected unknown_command 'this device only knows uptime')"
  elif [ "$(member cancel)" = true ]; then
    keep "$answer" "$(refuse rejected cancelled 'it had not begun')"
  else
    keep "$answer.begun" ''
    seconds=$(cut -d. -f1 /proc/uptime) # the effect
    keep "$answer" "$(printf '{"id":"%s","status":"succeeded","result":{"seconds":%s}}' "$id" "$seconds")"
  fi
  mosquitto_pub -h "$HOST" -p "$PORT" -q 1 -t "cmd/$THING/resp" -f "$answer"
}

# What was answered before, once more: the broker may have missed it. Then whatever comes.
for answer in "$STATE"/*.begun; do
  [ -e "$answer" ] || continue
  request="{\"id\":\"$(basename "$answer" .begun)\"}" && serve
done
mosquitto_sub -h "$HOST" -p "$PORT" -i "$THING" -q 0 -t "cmd/$THING/req" | while IFS= read -r request; do serve; done
