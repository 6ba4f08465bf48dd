#!/usr/bin/env bash
# Runs the tests (already built: dotnet build -c Release) as they would run on other processors, on one core, and repeatedly, idle and
# loaded; prints one table line a setting. Exits non-zero when anything fails.
#   tools/eng/test-matrix.sh [--idle N] [--loaded N] [--only WORD] [arguments for dotnet test, such as --filter …]
#   --idle N, --loaded N   how often to repeat the suite as it is, and beside two busy processes a core (1 each by default)
#   --only WORD            only the settings whose line contains WORD
# Settings that a processor does not know (an instruction set that it lacks) change nothing there: run it on each machine that counts.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_CLI_UI_LANGUAGE=en

idle=1 loaded=1 only=""
while [ $# -gt 0 ]; do
    case $1 in
        --idle) idle=$2; shift 2 ;;
        --loaded) loaded=$2; shift 2 ;;
        --only) only=$2; shift 2 ;;
        *) break ;;
    esac
done
arguments=("$@")

# Kernels of oneDNN, of MKL and libtorch's own, of .NET; then processors and threads.
settings=(
    "ONEDNN_MAX_CPU_ISA=SSE41"
    "ONEDNN_MAX_CPU_ISA=AVX2"
    "MKL_ENABLE_INSTRUCTIONS=SSE4_2 ATEN_CPU_CAPABILITY=default"
    "MKL_ENABLE_INSTRUCTIONS=AVX2 ATEN_CPU_CAPABILITY=avx2"
    "DOTNET_EnableAVX512=0 DOTNET_EnableAVX512F=0"
    "DOTNET_EnableAVX2=0"
    "OMP_NUM_THREADS=1"
    "OMP_NUM_THREADS=5"
    "taskset -c 0"
)
for ((i = 1; i <= idle; i++)); do settings+=("as it is, $i of $idle"); done
for ((i = 1; i <= loaded; i++)); do settings+=("loaded, $i of $loaded"); done

log=$(mktemp)
burners=()
cleanup() { [ ${#burners[@]} -eq 0 ] || kill "${burners[@]}" 2>/dev/null; burners=(); rm -f "$log"; }
trap cleanup EXIT
trap 'exit 143' INT TERM

projects=$(grep -l '<HorizonKind>test</HorizonKind>' tests/*/*.csproj | wc -l)
count() { sed -nE "s/^(Passed|Failed)! +- .*$1: +([0-9]+),.*/\2/p" "$log" | awk '{ sum += $1 } END { print sum + 0 }'; }
status=0
echo "| setting | passed | failed | seconds | which failed |"
echo "| --- | --: | --: | --: | --- |"
for setting in "${settings[@]}"; do
    [[ $setting == *"$only"* ]] || continue
    run=(dotnet test -c Release --no-build ${arguments[@]+"${arguments[@]}"})
    case $setting in
        "as it is"*) ;;
        loaded*)
            for ((i = 0; i < 2 * $(nproc); i++)); do (while :; do :; done) & burners+=($!); done ;;
        taskset*)
            command -v taskset >/dev/null || { echo "| $setting | | | | not run: there is no taskset here |"; continue; }
            run=(taskset -c 0 "${run[@]}") ;;
        *) read -ra variables <<<"$setting"; run=(env "${variables[@]}" "${run[@]}") ;;
    esac

    started=$SECONDS
    "${run[@]}" >"$log" 2>&1
    ended=$?
    if [ ${#burners[@]} -gt 0 ]; then kill "${burners[@]}"; wait "${burners[@]}" 2>/dev/null; burners=(); fi
    names=$(sed -nE 's/^ *Failed ([^!].*) \[[^]]*\]$/\1/p' "$log" | sort | uniq | paste -sd ';' | sed 's/;/; /g; s/|/\\|/g')
    [ "$(count Failed)" -eq 0 ] && [ $ended -eq 0 ] || status=1
    # A test process that dies gives no summary.
    summaries=$(grep -cE '^(Passed|Failed)! +- ' "$log")
    [ ${#arguments[@]} -gt 0 ] || [ "$summaries" -eq "$projects" ] || { status=1; names="$((projects - summaries)) of $projects test projects ended without a summary; $names"; }
    echo "| $setting | $(count Passed) | $(count Failed) | $((SECONDS - started)) | $names |"
done
exit $status
