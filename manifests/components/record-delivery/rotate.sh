#!/bin/sh
# Rename DIRECTORY/records.jsonl when it is large, and remove the oldest files beyond KEPT; the server opens a new file.
set -eu
directory=${1:?directory}
bytes=${BYTES:-67108864}
kept=${KEPT:-16}
seconds=${SECONDS_BETWEEN:-10}
cd "$directory"
trap 'exit 0' TERM INT
while :; do
  size=$(wc -c <records.jsonl 2>/dev/null || echo 0)
  if [ "$size" -ge "$bytes" ]; then
    mv records.jsonl "records.$(date -u +%Y%m%dT%H%M%SZ).jsonl"
  fi
  ls -1 | grep '^records\..*Z\.jsonl$' | sort -r | tail -n "+$((kept + 1))" | while read -r old; do
    rm -f -- "$old"
  done
  sleep "$seconds" &
  wait $!
done
