#!/bin/sh
# The verbs with what people mistype or lack: each has to end with a line that names the
# thing and the way out, before minutes of building, and never with somebody's own kernel
# tree changed.
set -u
. tests/host/lib
own_top
real_src=$(realpath "build/$NAME/obj/source")
cd "$top" || exit
export XDG_CACHE_HOME="$scratch/cache" DEPS=no
m() {
	try make --no-print-directory "$@"
}
nothing_built() {
	[ -z "$(find build -name .config -o -name '*.o' -o -name '*.cpio' 2>/dev/null)" ]
	ok $? '... and nothing is built'
}

m help
tried 0 'make help'
for verb in run test gdb deps doctor clean; do
	grep -q "^  make $verb " "$scratch/out"
	ok $? "... has $verb"
done
m
grep -q '^  make run ' "$scratch/out"
ok $? 'make alone says the same'
m no-such-verb
tried 2 'a verb that is none'
like "$scratch/err" 'no-such-verb' '... is named'

# tests
m test 'T=*no_such_test*'
tried 2 'a T= that no test has'
like "$scratch/err" 'T=\*no_such_test\*: no test has such a name, subject or id; see tests/README.md' '... is named, with where to look'
nothing_built
m test 'T=truncate no_such_test'
tried 2 'a word of T= that no test has'
like "$scratch/err" 'T=no_such_test: no test has such a name' '... is named'
nothing_built
m -j4 test 'T=no_such_test'
tried 2 '... with make -j4, too'
nothing_built

m -n table
sh -n "$scratch/out"
ok $? 'make table is a command that the shell takes' || remark "$scratch/out"

# variants (the folder stands for a source that has been fetched)
mkdir -p build/linux-6.12.git
m linux VARIANT=mine
[ "$status" -ne 0 ] && grep -q "mine" "$scratch/err"
ok $? 'a VARIANT that is none is named' || remark "$scratch/err"
like "$scratch/err" '.*before.*patched.*stock' '... with those that are'
nothing_built
m linux VARIANT=before KERNEL=6.1
[ "$status" -ne 0 ]
ok $? 'VARIANT=before of another kernel version'
like "$scratch/err" 'VARIANT=before exists for KERNEL=6.12 only: .*VARIANT=stock' '... is refused with the way out'

# other sources; without a look at what other releases have, which is tests/host/source.sh
mkdir "$scratch/bin"
printf '#!/bin/sh\nexit 100\n' >"$scratch/bin/apt-get"
chmod +x "$scratch/bin/apt-get"
PATH=$scratch/bin:$PATH
m linux KERNEL=9.9
PATH=${PATH#*:}
[ "$status" -ne 0 ]
ok $? 'a KERNEL that apt does not know'
like "$scratch/err" 'no package linux-source-9.9' '... is named'
like "$scratch/err" 'source +linux-source-9.9 +FAILED' '... in the phase that failed'
nothing_built

mkdir -p "$scratch/none" "$scratch/used/arch/um" "$scratch/used/include/config"
m linux KSRC="$scratch/none"
tried 2 'KSRC= that is no kernel tree'
like "$scratch/err" "KSRC=$scratch/none is no kernel tree" '... is named'
m linux KSRC=/no/folder
tried 2 'KSRC= that is nothing'
like "$scratch/err" 'KSRC=/no/folder is no kernel tree' '... is named'
touch "$scratch/used/Kbuild"
m linux KSRC="$scratch/used"
tried 2 'KSRC= that has no FUSE'
like "$scratch/err" "KSRC=$scratch/used is a kernel without FUSE: no fs/fuse" '... is said'
mkdir -p "$scratch/used/fs/fuse"
touch "$scratch/used/.config"
mkdir -p "$scratch/one/arch/um" "$scratch/one/fs/fuse"
touch "$scratch/one/Kbuild"
m linux KSRC="$scratch/one" SMP=2
tried 2 'SMP=2 for a tree whose UML has one CPU'
like "$scratch/err" "SMP=2: User-mode Linux has one CPU in $scratch/one" '... is said'
like "$scratch/err" 'KERNEL=7.3 can have more' '... with the way out'
m linux SMP=two
tried 2 'SMP= that is no number'
like "$scratch/err" 'SMP=two: how many CPUs' '... is said'
m linux KSRC="$scratch/used"
tried 2 'KSRC= that was built in place'
like "$scratch/err" "KSRC=$scratch/used has been built in place" '... is said'
like "$scratch/err" 'worktree add' '... with the way out'
is "$(cd "$scratch" && find used none | LC_ALL=C sort | tr '\n' ' ')" \
	'none used used/.config used/Kbuild used/arch used/arch/um used/fs used/fs/fuse used/include used/include/config ' \
	'... and neither is changed'
nothing_built

# somebody's tree is only read
: >"$scratch/now"
before=$(git -C "$real_src" status --porcelain | cksum)
m config KSRC="$real_src"
tried 0 'make config KSRC=<a kernel tree>'
like "$scratch/err" '^  config +ksrc-' '... one line'
[ -n "$(find build/ksrc-* -name .config)" ]
ok $? '... the build folder is ours'
is "$(git -C "$real_src" status --porcelain | cksum)" "$before" '... for git, the tree is as it was'
is "$(find "$real_src/" -newer "$scratch/now" ! -name .git | head -n 5)" '' '... and no file in it is new'
m config KSRC="$real_src"
is "$status$(cat "$scratch/err")" 0 'again: nothing to do'

# packages
m deps PACKAGES='make no-such-package another-one'
[ "$status" -ne 0 ]
ok $? 'DEPS=no with missing packages'
like "$scratch/err" 'deps: missing: no-such-package another-one$' '... names those'
like "$scratch/err" '(sudo )?apt-get install -y --no-install-recommends no-such-package another-one$' '... and prints the line to type'
m run CMD=true PACKAGES=no-such-package
[ "$status" -ne 0 ] && grep -q 'missing: no-such-package' "$scratch/err"
ok $? '... before anything else is tried'
m deps PACKAGES=make
is "$status$(cat "$scratch/err")" 0 'nothing is said where all are there'
printf '#!/bin/sh\necho 1000\n' >"$scratch/bin/id"
chmod +x "$scratch/bin/id"
try env PATH="$scratch/bin:$PATH" uml/packages --check no-such-package
like "$scratch/err" 'install with:  sudo apt-get install' 'an ordinary user is told to use sudo'

m doctor PACKAGES='make no-such-package'
tried 2 'make doctor with something missing'
like "$scratch/out" '^  MISSING  packages +no-such-package' '... names it'
like "$scratch/out" '-> .*apt-get install .*no-such-package' '... with the mend'
m doctor PACKAGES=make
like "$scratch/out" '^  (ok|note) +replay' 'make doctor looks at what runs need, too'

m clean
tried 0 'make clean'
[ ! -e build ]
ok $? '... leaves nothing'
done_testing
