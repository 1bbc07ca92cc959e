#!/bin/sh
# The gate and the server are two rooms: the server would run without any gate, the gate
# before any server. When they were one, seven of eight files called each other in a circle.
set -u
. tests/host/lib

rooms=fs-image

# In which order can these files be read, each after what it includes? Fails for a circle.
in_order() { # name files...
	name=$1
	shift
	for file; do
		echo "$file $file"
		sed -n 's/^#include "\(.*\)"/\1/p' "$file" | while read -r header; do
			for dir in "${file%/*}" $rooms $rooms/gate; do
				[ ! -f "$dir/$header" ] || { echo "$dir/$header $file"; break; }
			done
		done
	done >"$scratch/edges"
	try tsort "$scratch/edges"
	tried 0 "$name: no circle of includes"
}
# What preload.c and self.c put in the place of libc's is not what others call
# shellcheck disable=SC2016 # awk's
names='$2 ~ /^[TDBRC]$/ && $3 !~ /^(read|readv|write|writev|close|splice|__read_chk|mount|umount2?)$/'
calls() { # object files: who needs a symbol that another defines
	for object; do
		nm "$object" | awk -v o="${object##*/}" "$names"' { print "def", $3, o } $1 == "U" { print "use", $2, o }'
	done | awk '$1 == "def" { def[$2] = $3 } $1 == "use" { use[++n] = $2 " " $3 }
		END { for (i = 1; i <= n; i++) { split(use[i], u, " "); if (u[1] in def) print def[u[1]], u[2] } }'
}
for room in gate server; do
	in_order "$room" "$rooms/$room"/*.[ch]
	mkdir "$scratch/$room"
	for file in "$rooms/$room"/*.c; do
		${CC:-cc} -O1 -DFUSE_USE_VERSION=314 -D_FILE_OFFSET_BITS=64 -I/usr/include/fuse3 -c -o "$scratch/$room/$(basename "$file" .c)" "$file" || break
	done
	ok $? "$room compiles by itself"
	calls "$scratch/$room"/* >"$scratch/edges"
	try tsort "$scratch/edges"
	tried 0 "$room: no circle of calls"
	[ -s "$scratch/edges" ]
	ok $? '... among those that there are'
done

# What each leaves to others to define: libfuse and libc, not the other room
for room in gate server; do
	ld -r -o "$scratch/$room.o" "$scratch/$room"/*
done
nm "$scratch/gate.o" | awk "$names"' { print $3 }' | sort >"$scratch/gate.names"
nm "$scratch/server.o" | awk "$names"' { print $3 }' | sort >"$scratch/server.names"
nm -u "$scratch/gate.o" | awk '{ print $NF }' | sort | comm -12 - "$scratch/server.names" >"$scratch/out"
is "$(cat "$scratch/out")" '' 'the gate calls nothing of the server'
nm -u "$scratch/server.o" | awk '{ print $NF }' | sort | comm -12 - "$scratch/gate.names" >"$scratch/out"
is "$(cat "$scratch/out")" '' 'the server calls nothing of the gate'
is "$(nm -u "$scratch/gate.o" | grep -c fuse_)" 0 'the gate calls nothing of libfuse'
is "$(grep -c 'tests/' fs-image/image.mk)" 0 'the image knows nothing of tests'
done_testing
