#!/bin/sh
# Packs programs for a Linux x64 machine that has neither .NET nor our libtorch, only a Python PyTorch (with CUDA):
#   tools/pack-device.sh PROJECT...
# publishes the projects (.csproj files or their folders) self-contained and without libtorch into one folder, so that they share the
# runtime, and writes .device/horizon.tar.gz in the repository, which git ignores (FOLDER=... for another folder).
# There:  tar xzf horizon.tar.gz && horizon/run.sh PROGRAM ARGUMENTS
set -eu

[ $# -ge 1 ] || { echo "usage: $0 PROJECT..." >&2; exit 2; }
root=$(cd "$(dirname "$0")/.." && pwd)
folder=${FOLDER:-$root/.device}
name=horizon
target=$folder/$name

rm -rf "$target" "$target.tar.gz"
mkdir -p "$folder"
for project in "$@"; do
  [ -d "$project" ] && project=$(ls "$project"/*.csproj)
  dotnet publish "$project" -c Release -r linux-x64 --self-contained -p:InvariantGlobalization=true -p:HorizonTorch=external \
    -p:RunAnalyzers=false -p:DebugType=none -p:CopyOutputSymbolsToPublishDirectory=false -o "$target"
done
rm -f "$target"/*.pdb "$target"/createdump

cat > "$target/run.sh" <<EOF
#!/bin/sh
# run.sh PROGRAM ARGUMENTS: starts a program of this folder with the libtorch of this machine's Python PyTorch, or of the folder that HORIZON_LIBTORCH names.
set -eu
here=\$(cd "\$(dirname "\$0")" && pwd)
if [ -z "\${HORIZON_LIBTORCH:-}" ]; then
  # find_spec does not import torch, which would take seconds.
  HORIZON_LIBTORCH=\$(python3 -c 'import importlib.util as u, os; s = u.find_spec("torch"); print(os.path.join(os.path.dirname(s.origin), "lib") if s else "")')
  [ -n "\$HORIZON_LIBTORCH" ] || { echo "run.sh: python3 has no torch here: set HORIZON_LIBTORCH to a folder with libtorch" >&2; exit 2; }
fi
libraries=\$HORIZON_LIBTORCH
for nvidia in "\$HORIZON_LIBTORCH"/../../nvidia/*/lib; do
  [ -d "\$nvidia" ] && libraries=\$libraries:\$nvidia
done
export HORIZON_LIBTORCH LD_LIBRARY_PATH="\$libraries\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
program=\$1
shift
exec "\$here/\$program" "\$@"
EOF
chmod +x "$target/run.sh"
tar czf "$target.tar.gz" -C "$folder" "$name"
echo "$target.tar.gz: $(du -m "$target.tar.gz" | cut -f1) MiB packed, $(du -sm "$target" | cut -f1) MiB unpacked"
rm -rf "$target"
