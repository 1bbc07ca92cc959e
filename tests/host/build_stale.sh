#!/bin/sh
# A verdict about an old binary is worse than none: one mends a bug, the test still fails,
# and an hour later it turns out that make had not seen the edit. make sees what is newer.
# It does not see a file that came back with its old time (mv file.orig file, tar, cp -p),
# an edit after the clock was set back, one made while the old file was being compiled, or
# a new header that is found before another.
# shellcheck disable=SC2016 # $UML_LINUX is for the shell that uml/kernel/ahead starts
set -u
. tests/host/lib
uml=$(realpath uml)
src=$scratch/src obj=$scratch/build/obj linux=$scratch/build/linux

# A kernel of three files, and a kbuild of one page: it keeps each command and list of
# headers as kbuild does, links through the same wrapper, and goes by "newer" alone. What
# it makes is a program of the host that prints what it was made of.
proto() {
	mkdir -p fs/toy include/linux uapi/linux scripts tools
	echo '#define INODE 1' >fs/toy/toy_i.h
	echo '#define OTHER 1' >fs/other.h
	echo '#define CORE 1' >uapi/linux/core.h
	printf '%s\n' '#include "toy_i.h"' '#include "../other.h"' '#include <linux/core.h>' \
		'int file(void) { return INODE * 100 + OTHER * 10 + CORE; }' >fs/toy/file.c
	printf '%s\n' '#include <linux/core.h>' 'int dir(void) { return CORE; }' >fs/toy/dir.c
	printf '%s\n' '#include <stdio.h>' 'int file(void), dir(void);' \
		'int main(void) { printf("%d %d %d\n", file(), dir(), FLAG); }' >main.c
	echo '/ [aUw] /d' >scripts/mksysmap
	# the table of symbols: a number, a word for the linker, and of each its address and name
	cat >scripts/kallsyms <<-'EOF'
		#!/bin/sh
		awk 'NF == 3 && $2 ~ /[tT]/ { text = text "\t.quad 0x" $1 "\n\t.asciz \"" $3 "\"\n"; n++ }
			END { printf ".section .note.GNU-stack\n.section .rodata\n.balign 8\nkallsyms_num_syms:\n\t.quad %d\n" \
				"kallsyms_relative_base:\n\t.quad main\n%skallsyms_end:\n", n, text }' "$1"
	EOF
	chmod +x scripts/kallsyms
	echo 'config FLAG' >Kconfig
	echo 'flag := 1' >flags.mk
	cat >Makefile <<-'EOF'
		.RECIPEPREFIX := >
		src := $(CURDIR)
		linux:
		> @$(MAKE) --no-print-directory -C $(O) -f $(src)/Makefile src=$(src) vmlinux
		> @cp $(O)/vmlinux $(O)/linux
		scripts_gdb:
		include $(src)/flags.mk
		-include $(O)/include/config/auto.conf
		$(O)/include/config/auto.conf: $(src)/Kconfig $(O)/.config
		> @mkdir -p $(@D); sed -n 's/^\tdefault /CONFIG_MORE := /p' $< >$@
		objects := main.o fs/toy/file.o fs/toy/dir.o $(more)
		-include $(foreach o,$(objects),$(dir $(o)).$(notdir $(o)).cmd)
		cmd = $(CC) -Wp,-MMD,$(dir $@).$(notdir $@).d -DFLAG=$(flag)$(CONFIG_MORE) -I$(src)/include -I$(src)/uapi -c -o $@ $(src)/$*.c
		$(objects): %.o: $(src)/%.c FORCE
		> @mkdir -p $(dir $@)
		> @file=$(dir $@).$(notdir $@); \
		> [ -z "$(filter-out FORCE,$?)" ] && [ "$$(sed -n 's/^savedcmd_[^ ]* := //p' $$file.cmd)" = '$(cmd)' ] || { \
		> echo "  CC $@"; $(cmd) && { printf 'savedcmd_%s := %s\n\ndeps_%s := \\\n' '$@' '$(cmd)' '$@'; \
		> sed '1s/^[^:]*://; $$s/$$/ \\/' $$file.d; printf '\n%s: $$(deps_%s)\n$$(deps_%s):\n' '$@' '$@' '$@'; } >$$file.cmd; }
		vmlinux: $(objects)
		> @rm -f vmlinux.a; ar cDPrST vmlinux.a $(objects)
		> @mkdir -p scripts; cp $(src)/scripts/kallsyms scripts/; scripts/kallsyms /dev/null >.tmp.kallsyms.S
		> @for pass in 1 2 3; do $(CC) -c -o .tmp.kallsyms.o .tmp.kallsyms.S; \
		> $(CC) -no-pie -Wl,--build-id=none -o vmlinux -Wl,--whole-archive vmlinux.a -Wl,--no-whole-archive .tmp.kallsyms.o; \
		> nm -n vmlinux | sed -f $(src)/scripts/mksysmap >System.map; scripts/kallsyms System.map >.tmp.kallsyms.S; done
		FORCE:
		.PHONY: linux scripts_gdb FORCE
	EOF
}
# its compiler, which may be slow enough for an edit
cat >"$scratch/cc" <<-EOF
	#!/bin/sh
	gcc "\$@" || exit
	case "\$*" in
	*file.c)
		[ ! -e $scratch/edit ] || {
			sed -i 's/^#define INODE .*/#define INODE 8/' $src/fs/toy/toy_i.h
			sleep 0.02
			touch fs/toy/file.o
		}
		;;
	esac
EOF
chmod +x "$scratch/cc"
export UML_CC="$scratch/cc"
# `make linux`, as uml/kernel/ahead calls it; $flags are those of make's command line
cat >"$scratch/make" <<-EOF
	#!/bin/sh
	[ ! -e $scratch/hold ] || until [ -e $scratch/go ] || [ ! -e $scratch/hold ]; do sleep 0.01; done
	$uml/kernel/build --is-current $src $obj $linux ||
		exec flock $scratch/build $uml/kernel/build $src $obj $linux CC=$uml/kernel/cc \$(cat $scratch/flags)
EOF
chmod +x "$scratch/make"
: >"$scratch/flags"
verdict() { # command of the "test"
	try env UML_MAKE="$scratch/make" uml/kernel/ahead "$src" "$obj" "$linux" sh -c "$1"
}
# the prototype, whose files are minutes old, built
fresh() {
	rm -rf "$src" "$scratch/build"
	rm -f "$scratch/hold" "$scratch/go"
	: >"$scratch/flags"
	mkdir -p "$src" "$obj" "$scratch/build/log"
	(cd "$src" && proto && find . -exec touch -d '5 minutes ago' {} +)
	echo CONFIG_FLAG=1 >"$obj/.config"
	verdict '"$UML_LINUX"'
	has '111 1 1' || { echo "Bail out! the kernel of this test does not build"; remark "$scratch/err"; exit 1; }
}
# shellcheck disable=SC2317 # called by their names
quick() { grep -q '^  quick ' "$scratch/err" && ! grep -q 'left to kbuild' "$scratch/err"; }
# shellcheck disable=SC2317
kbuilds() { grep -q 'left to kbuild' "$scratch/err"; }
# kbuild's own kernel is that one, too, and nothing is due
settled() {
	is "$("$linux")" "$1" '... so is the kernel of kbuild'
	verdict '"$UML_LINUX"'
	[ "$status" -eq 0 ] && has "$1" && [ ! -s "$scratch/err" ]
	ok $? '... then nothing is due' || remark "$scratch/err"
}
sees() { # what was done, what the kernel now prints, who makes it
	verdict '"$UML_LINUX"'
	[ "$status" -eq 0 ] && has "$2"
	ok $? "$1" || { remark "$scratch/out"; remark "$scratch/err"; }
	$3
	ok $? "... made by ${3%s}" || remark "$scratch/err"
	settled "$2"
}
set_to() { # file, macro, value: edited in place
	sed -i "s/^#define $2 .*/#define $2 $3/" "$src/$1"
}

fresh
settled '111 1 1'

fresh
sed -i 's/INODE \* 100/INODE * 200/' "$src/fs/toy/file.c"
sees 'an edit' '211 1 1' quick
touch "$src/fs/toy/file.c"
sees 'touch' '211 1 1' quick
set_to fs/toy/toy_i.h INODE 2
sees 'a header' '411 1 1' quick
set_to fs/other.h OTHER 2
sees 'a header that is included by ../' '421 1 1' quick
set_to uapi/linux/core.h CORE 2
sees 'a header of several files' '422 2 1' quick
sed -i '1a #define MORE 3' "$src/fs/toy/dir.c"
sed -i 's/return CORE/return CORE + MORE/' "$src/fs/toy/dir.c"
set_to fs/other.h OTHER 3
sees 'two files at once' '432 5 1' quick
# (the table of symbols gets other addresses, and another size)
sed -i 's/{ return INODE/{ for (volatile int i = 0; i < 9; i++) i += i * i % 7; return INODE/' "$src/fs/toy/file.c"
sees 'a function that moves others' '432 5 1' quick
sed -i '1a int new_function(int n) { return n * n + CORE; }' "$src/fs/toy/dir.c"
sees 'a new function' '432 5 1' quick

fresh
cp -p "$src/fs/toy/toy_i.h" "$scratch/toy_i.h.orig"
set_to fs/toy/toy_i.h INODE 3
sees 'an edit' '311 1 1' quick
cp -p "$scratch/toy_i.h.orig" "$src/fs/toy/toy_i.h"
sees '... that is reverted, with the old time' '111 1 1' quick
set_to fs/toy/toy_i.h INODE 4
touch -d '2001-01-01' "$src/fs/toy/toy_i.h"
sees 'an edit after the clock was set back' '411 1 1' quick
set_to fs/toy/toy_i.h INODE 5
touch -d 'next week' "$src/fs/toy/toy_i.h"
sees '... and one before that' '511 1 1' quick
set_to fs/toy/toy_i.h INODE 6
touch -d yesterday "$src/fs/toy/toy_i.h"
sees '... and then one after it' '611 1 1' quick

# a file system whose times are whole seconds
fresh
second() { touch -d "@$1" "$src/fs/toy/toy_i.h"; }
now=$(($(date +%s) + 60)) # within the two seconds however slow this host is
set_to fs/toy/toy_i.h INODE 7
second "$now"
verdict '"$UML_LINUX"'
has '711 1 1'
ok $? 'an edit'
# the same time, length and inode: only the change time tells, which nobody can set, so here
# the list is made without it
mkdir -p "$scratch/coarse/build/bin"
ln -s "$uml" "$scratch/coarse/uml"
gcc -DCHANGED=st_mtim -o "$scratch/coarse/build/bin/inputs" uml/inputs.c -lpthread
cd "$scratch/coarse" || exit
now=$(($(date +%s) + 60)) # within the two seconds however slow this host is
echo '#define INODE 7' | dd of="$src/fs/toy/toy_i.h" conv=notrunc status=none
second "$now"
verdict '"$UML_LINUX"'
echo '#define INODE 8' | dd of="$src/fs/toy/toy_i.h" conv=notrunc status=none
second "$now"
verdict '"$UML_LINUX"'
[ "$status" -eq 0 ] && has '811 1 1'
ok $? 'two edits in one second' || remark "$scratch/out"
cd - >/dev/null || exit

# kbuild's own matters
fresh
echo 'flag := 2' >"$src/flags.mk"
sees 'a Makefile' '111 1 2' kbuilds
printf 'config MORE\n\tdefault 3\n' >"$src/Kconfig"
sees 'a Kconfig' '111 1 23' kbuilds
printf 'config MORE\n\tdefault 4\n' >"$src/Kconfig"
touch -d '2001-01-01' "$src/Kconfig"
sees '... with an old time' '111 1 24' kbuilds
echo CONFIG_FLAG=2 >"$obj/.config"
sees 'the configuration' '111 1 24' kbuilds
echo '#define CORE 3' >"$src/include/linux/core.h"
sees 'a new header that is found before another' '113 3 24' kbuilds
rm "$src/include/linux/core.h"
sees '... and is removed again' '111 1 24' kbuilds
printf 'int main_more;\n' >"$src/more.c"
echo 'more := more.o' >>"$src/flags.mk"
sees 'a new file' '111 1 24' kbuilds
rm "$src/fs/other.h"
verdict '"$UML_LINUX"'
[ "$status" -ne 0 ] && ! has '[0-9 ]+'
ok $? 'a header that is gone: no verdict' || remark "$scratch/out"
like "$scratch/err" 'other\.h' '... and it is named'

fresh
git init -q "$src"
in_git() { git -C "$src" -c user.name=n -c user.email=n@localhost "$@"; }
in_git add .
in_git commit -q -m one
in_git branch other
sees 'a commit' '111 1 1' true
set_to fs/toy/toy_i.h INODE 9
in_git commit -q -a -m nine
sees 'an edit with a commit' '911 1 1' quick
in_git checkout -q other
sees 'git checkout of another branch' '111 1 1' quick

# builds that end otherwise
fresh
echo 'int dir(void) { return mistake; }' >"$src/fs/toy/dir.c"
verdict '"$UML_LINUX"'
is "$status" 1 'a mistake: no verdict'
like "$scratch/err" 'dir\.c:1:.*mistake' '... the compiler says where'
mkfifo "$scratch/never"
sed -i 's/mistake/5/' "$src/fs/toy/dir.c"
echo "CC=$scratch/stop" >"$scratch/flags"
printf '#!/bin/sh\necho half >fs/toy/dir.o; echo here >%s/there; read -r _ <%s/never\n' "$scratch" "$scratch" >"$scratch/stop"
chmod +x "$scratch/stop"
perl -e "$own_group" "$scratch/make" >"$scratch/out" 2>&1 &
pid=$!
await test -e "$scratch/there"
kill -9 -$pid
wait $pid 2>/dev/null
pid=
: >"$scratch/flags"
sees 'a build that was cut off' '111 5 1' kbuilds

# edits while the old file is being compiled: the object is newer than they are
fresh
set_to fs/toy/toy_i.h INODE 7
: >"$scratch/edit"
"$scratch/make" >"$scratch/out" 2>&1
rm "$scratch/edit"
is "$("$linux")" '711 1 1' 'kbuild compiles a file that is edited meanwhile'
sees '... the edit' '811 1 1' quick
set_to fs/toy/toy_i.h INODE 7
echo 'int dir(void) { return mistake; }' >"$src/fs/toy/dir.c"
: >"$scratch/edit"
"$scratch/make" >"$scratch/out" 2>&1
rm "$scratch/edit"
echo 'int dir(void) { return 5; }' >"$src/fs/toy/dir.c"
sees '... the same in a build that fails' '811 5 1' quick

# the last word
fresh
set_to fs/toy/toy_i.h INODE 3
echo flag=7 >"$scratch/flags"
verdict '"$UML_LINUX"'
is "$status" 125 'kbuild makes another kernel: status 125'
like "$scratch/err" '^THE VERDICT ABOVE IS TAKEN BACK' '... which is said'
like "$scratch/err" "The kernel that was tested: .*/quick.differs" '... with the kernel that was tested'
[ -z "$(find "$scratch/build" -maxdepth 1 -name '.quick.*')" ]
ok $? '... and nothing is left behind'

fresh
: >"$scratch/hold"
set_to fs/toy/toy_i.h INODE 3
verdict "\"\$UML_LINUX\"; sed -i s/3/4/ $src/fs/toy/toy_i.h; : >$scratch/go"
is "$status" 125 'an edit while the tests run: status 125'
has '311 1 1'
ok $? '... the verdict was of the source before'
like "$scratch/err" '^M .*fs/toy/toy_i.h' '... and the file is named'
rm "$scratch/hold"
verdict '"$UML_LINUX"'
has '411 1 1'
ok $? '... the next one is of the new'

fresh
set_to fs/toy/toy_i.h INODE 3
verdict '"$UML_LINUX"; exit 7'
is "$status" 7 "the status is the tests' own"
set_to fs/toy/toy_i.h INODE 4
: >"$scratch/hold"
perl -e "$own_group" env UML_MAKE="$scratch/make" uml/kernel/ahead "$src" "$obj" "$linux" sh -c "echo here >$scratch/there2; read -r _ <$scratch/never" >"$scratch/out" 2>&1 &
pid=$!
await test -e "$scratch/there2"
kill -INT -$pid
wait $pid
pid=
await sh -c "! pgrep -f '$scratch/mak[e]'"
ok $? 'ctrl-C ends kbuild, too'
[ -z "$(find "$scratch/build" -maxdepth 1 -name '.quick.*')" ]
ok $? '... and nothing is left behind'
done_testing
