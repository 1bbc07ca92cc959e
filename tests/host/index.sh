#!/bin/sh
# An editor with clangd shows a kernel file red from top to bottom if it is not told how the
# file is compiled, or is told in words that only gcc knows. And what it wants to have in the
# tree must not look like a change of the kernel's source.
set -u
. tests/host/lib
out=build/$NAME src=$(realpath "build/${NAME%-debug}/src")
case $NAME in
ksrc-* | *-debug)
	echo '1..0 # SKIP tried on the variants, without DEBUG'
	exit 0
	;;
esac
command -v python3 >/dev/null || {
	echo '1..0 # SKIP python3 is not installed'
	exit 0
}
mkdir "$scratch/at"
try uml/kernel/index "$src" "$out/obj" "$scratch/at"
tried 0 'an index of what was compiled'
commands=$scratch/at/compile_commands.json
grep -c '"file": ' "$commands" >"$scratch/number"
[ "$(cat "$scratch/number")" -gt 300 ]
ok $? '... has the files of the kernel'
unlike "$commands" '"command": "[^"]*uml/kernel/cc' '... as a compiler is called, not our wrapper'
if command -v clangd >/dev/null; then
	for file in fs/fuse/file.c fs/fuse/dev.c mm/page-writeback.c; do
		try clangd --check="$src/$file" --compile-commands-dir="$scratch/at" --check-lines=1-1
		unlike "$scratch/err" '^E\[' "clangd has no error in $file"
		like "$scratch/err" 'All checks completed, 0 errors' '... and read it to its end'
	done
else
	skip 'clangd has no error in fs/fuse/file.c' 'clangd is not installed'
fi
uml/kernel/build --inputs "$src" "$out/obj" >"$scratch/before"
try uml/kernel/index "$src" "$out/obj" "$out"
tried 0 'the same for an editor'
[ "$(readlink "$src/compile_commands.json")" = "$(realpath "$out")/compile_commands.json" ]
ok $? '... found from the source'
is "$(git -C "$src" status --porcelain)" '' '... where git ignores it'
uml/kernel/build --inputs "$src" "$out/obj" | cmp -s - "$scratch/before"
ok $? '... and it is no change of the source'
done_testing
