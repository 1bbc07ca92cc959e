#!/bin/sh
# Compiling takes minutes, so it gets interrupted: ctrl-C, the OOM killer, a full disk, a
# laptop that is closed. make takes every file that is new enough for whole, and the
# kernel that is linked from half an object fails in ways that look like a bug in FUSE.
set -u
. tests/host/lib
src=$scratch/src obj=$scratch/obj linux=$scratch/linux
mkdir "$src" "$obj"
mkfifo "$scratch/never"

# A kernel tree of two objects. "Compiling" writes a file in two halves, and stops
# between them when told to.
cat >"$src/Makefile" <<-EOF
	.DELETE_ON_ERROR:
	linux: \$(O)/linux
	scripts_gdb: ; @mkdir -p \$(O)/scripts/gdb
	\$(O)/linux: \$(O)/a.o \$(O)/b.o ; @echo LD \$@; rm -f \$@; cat \$^ >\$@ && chmod +x \$@
	\$(O)/%.o: $src/%.c ; @sh $src/compile \$< \$@
	.PHONY: linux scripts_gdb
EOF
cat >"$src/compile" <<-EOF
	echo "CC \$2"
	grep -q mistake \$1 && { echo "\$1:1: error: mistake"; exit 1; }
	printf 'begin ' >\$2
	if grep -q stop \$1; then
		echo "\$PPID" >"$scratch/make"
		echo here >"$scratch/there"
		read -r _ <"$scratch/never"
		sleep 100
	fi
	cat \$1 >>\$2 && echo end >>\$2
EOF
build() {
	try uml/phase build fake "$scratch/log" uml/kernel/build "$src" "$obj" "$linux"
}
is_linux() { # words of a.c and b.c, what
	is "$(tr '\n' ' ' <"$linux" 2>/dev/null)" "begin $1 end begin $2 end " "$3"
}
write() { # file, word: newer than all there is
	echo "$2" >"$src/$1"
}

write a.c one
write b.c two
build
tried 0 'a build'
is_linux one two '... gives the kernel'
like "$scratch/err" '^  build    fake  +[0-9]+\.[0-9] s$' '... one line with its time'
is "$(cat "$scratch/out")" '' '... nothing else'
like "$scratch/log" '^CC .*a\.o' '... the rest is in the log'
touch -d 2001-01-01 "$obj/a.o"
touch -d 2000-01-01 "$src/a.c"
build
unlike "$scratch/log" CC 'again: nothing is compiled'

# an error
write a.c mistake
build
[ "$status" -ne 0 ]
ok $? 'an error fails the build'
like "$scratch/err" '^  build    fake +FAILED after' '... which the line says'
like "$scratch/err" 'a\.c:1: error: mistake' "... the log's tail shows it"
like "$scratch/err" "The whole log: $scratch/log" '... and where the rest is'
is_linux one two '... the old kernel stays'
write a.c three
build
is_linux three two 'mended'
unlike "$scratch/log" 'CC .*b\.o' '... and only that is compiled again'
write b.c mistake
try env V=1 uml/phase build fake "$scratch/log" uml/kernel/build "$src" "$obj" "$linux"
like "$scratch/err" '^CC .*b\.o' 'V=1 shows what is done, on stderr'
write b.c two
build

# cut off in the middle of a file
cut_off() { # signal, whom: - for the group (ctrl-C), or make
	write a.c stop
	rm -f "$scratch/there"
	perl -e "$own_group" uml/kernel/build "$src" "$obj" "$linux" >"$scratch/out" 2>&1 &
	pid=$!
	await test -s "$scratch/there"
	if [ "$2" = make ]; then
		kill "-$1" "$(cat "$scratch/make")"
		wait $pid 2>/dev/null
		kill -9 -$pid 2>/dev/null
	else
		kill "-$1" -$pid
		wait $pid 2>/dev/null
	fi
	is_linux "$3" two "$4: the old kernel stays"
	# the source is older than what was half written
	write a.c "$5"
	touch -d 2001-01-01 "$src/a.c"
	build
	tried 0 '... the next build'
	is_linux "$5" two '... is whole'
}
cut_off KILL - three 'kill -9' four
cut_off INT - four 'ctrl-C' five
cut_off TERM - five 'SIGTERM' six
cut_off KILL make six 'kill -9 of make alone' seven
cut_off HUP - seven 'a closed terminal' eight

# no room
if unshare -rm true 2>/dev/null; then
	mkdir "$scratch/small"
	seq 300000 >"$src/a.c"
	small="$scratch/small"
	try unshare -rm sh -c "mount -t tmpfs -o size=1M none $small && mkdir $small/obj $small/log && echo old >$small/linux &&
		uml/phase build fake $small/log/log uml/kernel/build $src $small/obj $small/linux
		echo status \$?; cat $small/linux; ls $small/obj
		echo eight >$src/a.c; touch -d 2001-01-01 $src/a.c
		uml/phase build fake $small/log/log uml/kernel/build $src $small/obj $small/linux; cat $small/linux"
	like "$scratch/out" '^status [1-9]' 'a full disk fails the build'
	like "$scratch/err" 'FAILED' '... which the line says'
	like "$scratch/err" 'Is the disk full\? [01] MB are left at .*/log' '... with the reason'
	like "$scratch/out" '^old$' '... the old kernel stays'
	unlike "$scratch/out" '^a\.o$' '... the object that was cut off does not'
	is "$(tail -n 4 "$scratch/out" | tr '\n' ' ')" 'begin eight end begin two end ' '... with room again, the next build is whole'
else
	skip 'a full disk' 'unshare -rm is refused here'
fi

try uml/phase config fake "$scratch/log" uml/kernel/configure "$src" "$obj" /no/fragment
[ "$status" -ne 0 ] && grep -q '^  config   fake.*FAILED' "$scratch/err"
ok $? 'another phase'
try uml/phase none fake "$scratch/log" /no/program
tried 127 'a program that is not there'
like "$scratch/err" '/no/program' '... is named'
done_testing
