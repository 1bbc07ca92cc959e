#!/bin/sh
# The tools are shell scripts, and POSIX ones: dash, which is /bin/sh on Debian, has no
# [[, no arrays, no <( ). What bash lets pass here fails on the next machine.
set -u
. tests/host/lib

scripts=$(find . -path ./build -prune -o -path ./.git -prune -o -type f -print | LC_ALL=C sort | while read -r file; do
	case $(head -c 100 "$file" | head -n 1 | tr -d '\0') in
	'#!/bin/sh'*) echo "$file" ;;
	'#!'*/perl* | '#!'*python* | '#!'*/gdb*) ;;
	'#!'*) echo "$file" >>"$scratch/other" ;;
	esac
done)
[ ! -e "$scratch/other" ]
ok $? 'scripts are of /bin/sh' || remark "$scratch/other"
[ "$(echo "$scripts" | wc -l)" -gt 20 ]
ok $? 'there are scripts to check'

if command -v shellcheck >/dev/null; then
	for file in $scripts ./tests/host/lib ./uml/lib; do
		# SC2319: `[ ... ]; ok $?` is how these tests assert
		try shellcheck -x -e SC2319 "$file"
		tried 0 "shellcheck $file"
	done
else
	skip shellcheck 'it is not installed'
fi

for file in $scripts; do
	[ -x "$file" ] && continue
	case $file in
	./tests/host/*) ;;
	*) echo "$file" ;;
	esac
done >"$scratch/plain"
[ ! -s "$scratch/plain" ]
ok $? 'each tool is executable' || remark "$scratch/plain"

# --help, on stdout, of whatever a user can call
for file in $scripts; do
	case $file in
	./tests/host/* | ./.ci/* | ./uml/kernel/cc | ./tests/servers/sftp | ./tests/explore/apply) continue ;; # called by programs
	esac
	try "$file" --help
	[ "$status" -eq 0 ] && [ "$(wc -l <"$scratch/out")" -ge 3 ] && [ ! -s "$scratch/err" ]
	ok $? "$file --help" || { echo "# status $status"; remark "$scratch/err"; }
	like "$scratch/out" "${file#./}|$(basename "$file")" '... names itself'
done
done_testing
