#!/bin/sh
# A container's recipe goes stale when a package is added to make's lists, and CI finds out on a
# machine where nobody can install it.
# shellcheck disable=SC1003,SC2016 # Markdown
set -u
. tests/host/lib
continued() { # a line with its continuations
	awk -v from="$1" '$0 ~ from { on = 1 } on { print; on = /\\$/ }' "$2"
}
listed=$(continued '^RUN apt-get' .ci/Containerfile | tr -s ' \t\\' '\n' | sort)
wanted=$(continued '^PACKAGES :=' Makefile; continued '^TEST_PACKAGES :=' tests/tests.mk)
wanted=$(echo "$wanted" | sed 's/.*PACKAGES :=//' | tr -s ' \t\\' '\n' | grep . | sort)
[ "$(echo "$wanted" | wc -l)" -gt 15 ]
ok $? "make's lists of packages are found"
for package in $wanted; do
	echo "$listed" | grep -qxF "$package" || echo "$package"
done >"$scratch/missing"
is "$(paste -s -d ' ' "$scratch/missing")" '' 'the recipe has each package that make wants'
like .ci/Containerfile '^USER fuse$' '... and an ordinary user'
like .ci/Containerfile '^ENTRYPOINT \["tini", "--"\]$' '... and what ends when it is told to: make as process 1 does not'
# With keep-id alone a caller with another uid can write neither the tree nor the cache
uid=$(sed -n 's/.*useradd.*--uid \([0-9]*\).*/\1/p' .ci/Containerfile)
is "$(grep -o -- '--userns [^ ]*' uml/CI.md | sort -u)" "--userns keep-id:uid=$uid,gid=$uid" 'whoever calls is that user'

# the YAML in the document: what it runs exists
sed -n '/^```yaml$/,/^```$/p' uml/CI.md | grep -v '^```' >"$scratch/yaml"
if command -v python3 >/dev/null && python3 -c 'import yaml' 2>/dev/null; then
	for n in 1 2; do
		awk -v n=$n '/^```yaml$/ { i++; inside = 1; next } /^```$/ { inside = 0 } inside && i == n' uml/CI.md >"$scratch/$n.yml"
		python3 -c 'import sys, yaml; yaml.safe_load(open(sys.argv[1]))["'"$([ $n = 1 ] && echo jobs || echo test)"'"]' "$scratch/$n.yml" 2>"$scratch/err"
		ok $? "file $n in uml/CI.md is YAML" || remark "$scratch/err"
	done
else
	skip 'the files in uml/CI.md are YAML' 'python3-yaml is not installed'
fi
like "$scratch/yaml" 'junit: results/junit.xml' 'results are uploaded from where make test puts them'
like tests/results 'junit\.xml' '... under that name'
done_testing
