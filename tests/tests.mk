# Tests: one guest for each file in tests/guest, the tools themselves in tests/host.
#
# Set by the user: T, JOBS, REPEAT, UNTIL_FAIL, FAILED, RESULTS, SHELL_ON_FAIL, SINCE; SERVER,
# another server for the guest tests; SERVERS=1, to try real ones.

T      ?=
REPEAT ?= $(if $(filter 1,$(UNTIL_FAIL)),0,1)

TEST_PACKAGES := libtap-formatter-junit-perl graphviz shellcheck fio stress-ng sqlite3 gdbserver gpg gpg-agent lcov

guest-tests := $(wildcard tests/guest/*/*.c)
host-tests  := $(wildcard tests/host/*.sh)
ifneq ($(smp),)
# The others are about virtual time, ticks and gdb, which are for one CPU
host-left-out := $(words $(host-tests))
host-tests    := $(wildcard tests/host/smp.sh tests/host/fsx.sh tests/host/real_*.sh)
smp-says      := echo "SMP=$(SMP): by the host's clock. Who waits takes his time, no two runs are the same; no ticks, no \
coverage, no exploration, no gdb: $(words $(host-tests)) of $(host-left-out) tests in tests/host are for several CPUs" >&2
endif
all-tests   := $(guest-tests) $(host-tests)
# T: words for tests/choose: ids, subjects, names
words-of-T  := $(foreach t,$(subst ','\'',$(T)),'$(t)')
named       := $(if $(T),$(shell tests/choose $(words-of-T) 2>/dev/null),$(all-tests))
unnamed     := $(if $(T),$(filter-out 0,$(.SHELLSTATUS)))
since       := $(if $(filter test,$(if $(SINCE),$(MAKECMDGOALS))),yes)
chosen      := $(if $(since),$(shell tests/choose --since '$(SINCE)' $(SRC) $(OUT)/coverage $(named) || echo failed),$(named))
$(if $(filter failed,$(chosen)),$(error no tests can be chosen by SINCE))

TESTS     := $(OUT)/tests
test-libs := $(wildcard tests/lib/*.c) fs-image/gate/gate.c fs-image/act/proc.c fs-image/act/verbs.c
to-run    := $(if $(filter 1,$(FAILED)),$(shell tests/choose --failed $(OUT)/prove.state $(chosen)),$(chosen))
binaries  := $(patsubst tests/guest/%.c,$(TESTS)/%,$(filter tests/guest/%,$(to-run)))

# The harness is the one of the kernel tree that is tested. -O0: it comes back by longjmp()
# to a function whose locals have changed since; optimized, a failed assertion would leave
# the mount to the next scenario
TEST_CFLAGS := -static -O0 -g -Wall -Wextra -I$(SRC)/tools/testing/selftests -Itests/lib -Ifs-image/gate -Ifs-image/act

test-headers := $(headers) $(wildcard tests/lib/*.h $(SRC)/tools/testing/selftests/kselftest*.h) tests/tests.mk
test-objects := $(patsubst %.c,$(TESTS)/lib/%.o,$(notdir $(test-libs)))

$(TESTS)/lib/%.o: tests/lib/%.c $(test-headers)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -c -o $@ $<

define borrowed
$(TESTS)/lib/$(notdir $(1:.c=.o)): $(1) $(test-headers)
	@mkdir -p $$(@D)
	$(CC) $(TEST_CFLAGS) -c -o $$@ $$<

endef
$(foreach file,$(filter fs-image/%,$(test-libs)),$(eval $(call borrowed,$(file))))

$(TESTS)/%: tests/guest/%.c $(test-objects) $(test-headers)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -s -o $@.new $< $(test-objects) -lpthread
	mv $@.new $@
.PRECIOUS: $(TESTS)/lib/%.o

# (listed by the shell: when make reads this, a fresh clone has no kernel tree yet)
test-programs: $(INPUTS)
	@+$(if $(binaries),$(call made,$(OUT)/.test-inputs,$(TESTS) $(binaries),fs-image tests/lib tests/guest tests/explore tests/tests.mk \
	  $$(ls -d $(SRC)/tools/testing/selftests/kselftest*.h /usr/lib/*/libc.a),$(OUT),tests "$(words $(binaries)) programs",$(LOG)/tests.log,$(binaries)))
.PHONY: test-programs

# What a failed test says to type: make's variables as they were given
again = $(strip $(foreach v,VARIANT DEBUG SMP KSRC KERNEL,$(if $(filter command% environment%,$(origin $(v))),$(v)=$($(v)))))

##@ Tests

# Tests wait, too: one more than there are CPUs; by the host's clock they wait most of the time
test-jobs := $(if $(filter file,$(origin JOBS)),$(shell echo $$(($(JOBS)$(if $(smp), * 4, + 1)))),$(JOBS))

# Guest tests of an edited kernel do not wait for kbuild; gdb in them does
waits := $(strip $(filter tests/host/%,$(chosen)) $(filter 1,$(SHELL_ON_FAIL)))
test: test-names test-deps $(if $(waits),linux,config) image test-programs ## all tests; T='truncate A5' picks, JOBS=n at once, REPEAT=n times or UNTIL_FAIL=1, FAILED=1 those that failed last, SINCE=commit those that run what has changed in the kernel, SHELL_ON_FAIL=1 stops there, RESULTS=<folder> JUnit XML and JSON
	@$(smp-says)
	@exec env NAME=$(NAME) VARIANT=$(VARIANT) AGAIN='$(again)' RESULTS='$(RESULTS)' SHELL_ON_FAIL='$(SHELL_ON_FAIL)' \
	  $(SUPERVISE) --contain -- $(if $(waits),,$(ahead)) tests/suite $(test-jobs) $(REPEAT) $(if $(FAILED),$(FAILED),0) $(chosen)
.PHONY: test

test-names:
	@$(if $(unnamed),tests/choose $(words-of-T) >/dev/null; exit 2)
	@$(if $(chosen),:,echo "SINCE=$(SINCE): no test runs what has changed" >&2; exit 2)
.PHONY: test-names

# For make gdb T=A4: the one program that T names as the guest's command
as-command = RUN='--no-fuse --add $(binaries) $(RUN)' CMD='exec /tests/$(notdir $(binaries))'

one-test:
	@$(if $(filter 1,$(words $(binaries))),:,echo "make gdb T=$(T): $(words $(binaries)) guest tests have such a name, subject or id; one can be run" >&2; exit 2)
.PHONY: one-test

# The packages of real servers, when asked for
server-packages = $(if $(SERVERS),$(shell sed -n 's/^[^#|]*| *\([^|]*[^| ]\) *|.*/\1/p' tests/servers/list))

test-deps:
	@uml/packages $(if $(filter no,$(DEPS)),--check) $(PACKAGES) $(TEST_PACKAGES) $(sort $(server-packages))
.PHONY: test-deps

# MAKEFLAGS: what was typed here is for make test, which gets it as words
watch: deps config ## make test at each save, on one screen; T=... picks, else the tests that run what changed, once make coverage knows
	@uml/packages $(if $(filter no,$(DEPS)),--check) inotify-tools
	@exec env MAKEFLAGS= tests/watch $(NAME) $(SRC) $(again) $(if $(T),T='$(subst ','\'',$(T))') $(if $(DEPS),DEPS=$(DEPS))
.PHONY: watch

# The guest tests of each first: what stands in the matrix has just been seen
table: ## the list of scenarios in tests/README.md, from the last run on each kernel; KERNELS='6.1 stock patched 7.2 7.3' runs them, and makes tests/KERNELS.md
	@$(if $(KERNELS),set -e; for kernel in $(KERNELS); do \
	  case $$kernel in ([0-9]*) set -- KERNEL=$$kernel VARIANT=stock ;; (*) set -- KERNEL=6.12 VARIANT=$$kernel ;; esac; \
	  mkdir -p build/log; log=build/log/table-$$kernel.log; \
	  $(MAKE) --no-print-directory test T='guest/*' FAILED= SINCE= KSRC= DEBUG= "$$@" >$$log || \
	    { tail $$log >&2; echo "make table: not all pass on $$kernel ($$log): tests/KERNELS.md stays as it was" >&2; exit 1; }; \
	  grep '^summary:' $$log; \
	done; tests/table --kernels $(KERNELS),tests/table patched stock before)
.PHONY: table

repro: ## historic bugs, put back: the list; BUG=m2 builds one, shows symptom, verdict and cure
	@tests/repro $(BUG)
.PHONY: repro

mutants: ## take the patched series back hunk by hunk, put each historic bug back: which test notices?
	@$(MAKE) --no-print-directory test VARIANT=patched DEBUG= T='guest/*'
	@tests/mutants $(HUNKS); hunks=$$?; tests/mutants --table; \
	tests/repro --test $$(sed -n 's/^Bug: //p' kernel-patches/bugs/*.patch) && exit $$hunks
.PHONY: mutants

soak: ready ## a million random operations under memory pressure, every byte checked; an hour with DEBUG=1; SEEDS=1-10
	@tests/soak $(NAME) $(SEEDS)
.PHONY: soak

coverage: deps ## what the tests run of the kernel, after make test: pages of lcov, and lines of the series that nobody runs; SINCE=<commit>
	@uml/packages $(if $(filter no,$(DEPS)),--check) $(PACKAGES) lcov
	@tests/coverage $(NAME) $(SRC) $(OBJ) $(LINUX) $(SINCE)
.PHONY: coverage
