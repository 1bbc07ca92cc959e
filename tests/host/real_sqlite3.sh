#!/bin/sh
# sqlite3 in WAL mode with memory-mapped I/O, on the mount.
#
# WAL keeps its index in a file that all users of the database map, shared and
# writable. Before FUSE had such mappings this was the plain complaint: a database
# on FUSE could not use WAL ("disk I/O error"). It works where pages are written back.
set -u
kernel=build/${NAME:-${VARIANT:-patched}}/linux
command -v sqlite3 >/dev/null || {
	echo '1..0 # SKIP sqlite3 is not installed'
	exit 0
}

n=0
result() { # status that is 0 for ok, description
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		printf '%s\n' "$out" | sed 's/^/# /'
	fi
}
has() {
	printf '%s\n' "$out" | grep -q -x "$1"
}

# shellcheck disable=SC2016 # the guest's shell expands these
out=$(./uml/run --kernel "$kernel" --mem 512M --host-root -- sh -c '
cd /mnt/fuse
sqlite3 db "PRAGMA journal_mode=WAL; PRAGMA mmap_size=4194304;
	CREATE TABLE t(id INTEGER PRIMARY KEY, word BLOB);" || exit
for round in 1 2 3 4; do
	# two writers at a time, and a reader of what is half there
	for writer in 1 2; do
		sqlite3 db "PRAGMA busy_timeout=60000; PRAGMA mmap_size=4194304;
			BEGIN IMMEDIATE;
			WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 250)
			INSERT INTO t(word) SELECT randomblob(200) FROM n;
			COMMIT;" >/dev/null &
	done
	sqlite3 db "PRAGMA busy_timeout=60000; SELECT count(*) % 250 FROM t;" |
		tail -n 1 | sed "s/^/rest /"
	wait
done
sqlite3 db "PRAGMA mmap_size=4194304; UPDATE t SET word = zeroblob(300) WHERE id % 3 = 0;
	DELETE FROM t WHERE id % 5 = 0; SELECT count(*) || \" rows\" FROM t;"
sqlite3 db "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA integrity_check;" | sed "s/^/check /"
cmp db /srv/fuse/db && echo same at the server
echo 1 >/proc/sys/vm/drop_caches
sqlite3 db "PRAGMA integrity_check;" | sed "s/^/again /"
' 2>&1)
status=$?

case ${VARIANT:-patched} in
before*)
	echo 1..1
	[ $status -ne 0 ] && printf '%s\n' "$out" | grep -q 'disk I/O error'
	result $? 'WAL needs a shared writable mapping: refused'
	exit
	;;
esac
echo 1..6
result $status 'sqlite3 runs on the mount'
has wal; result $? 'WAL mode is taken'
has '1600 rows'; result $? 'no row is lost or doubled'
! has 'rest [1-9].*'; result $? 'a reader sees whole transactions'
has 'check ok' && has 'same at the server'
result $? 'the database is sound, and the same at the server'
has 'again ok'; result $? 'it still is when read from the server'
