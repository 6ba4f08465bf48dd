#!/bin/sh
# Writes src/*/PublicAPI.Unshipped.txt anew from what the analyzer misses. Read the difference before you commit it: it is the review of the
# public API.
set -eu
cd "$(dirname "$0")/../.."
for project in src/*/; do
  printf '#nullable enable\n' > "$project/PublicAPI.Shipped.txt"
  printf '#nullable enable\n' > "$project/PublicAPI.Unshipped.txt"
done
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for project in src/*/*.csproj; do
  dotnet build -c Release --no-incremental -p:TreatWarningsAsErrors=false "$project" > "$log" || { cat "$log"; exit 1; }
  folder=$(dirname "$project")
  # A symbol of an interpolated name stands between quotes before "is not part of the declared public API".
  sed -nE "s/^.*$(basename "$folder")\/[^:]*: warning RS0016: Symbol '(.*)' is not part of the declared public API.*$/\1/p" "$log" |
    LC_ALL=C sort -u >> "$folder/PublicAPI.Unshipped.txt"
  echo "$folder: $(wc -l < "$folder/PublicAPI.Unshipped.txt") lines"
done
