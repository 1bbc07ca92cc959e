# Two kernels compared: a series against what it is for, one kernel against another, commits
# in search of the first bad one.
#
# Set by the user: MBOX, BASE, LIKE, EXPLORE; A, B; GOOD, BAD, T.

BASE    ?= patched
LIKE    ?= -
EXPLORE ?= 30

judge-sources := $(wildcard tests/judge/*.c)
JUDGE := build/bin/judge
$(JUDGE): $(judge-sources) tests/judge/judge.h
	@mkdir -p $(@D)
	$(CC) -O2 -g -Wall -Wextra -o $@.new $(judge-sources)
	mv $@.new $@

MMAP_STORE := build/bin/mmap-store
$(MMAP_STORE): tests/stress/mmap-store.c fs-image/gate/gate.c fs-image/act/proc.c fs-image/act/verbs.c $(headers)
	@mkdir -p $(@D)
	$(CC) -static -O2 -Wall -Wextra -Ifs-image/gate -Ifs-image/act -o $@.new $(filter %.c,$^) -lpthread
	mv $@.new $@

# what is run on both
judged := $(JUDGE) $(MMAP_STORE) $(EXPLORER) $(patsubst tests/guest/%.c,$(TESTS)/%,$(guest-tests)) $(call explore-program,$(explore-sources))
judge-programs: deps early config image
	@+$(call made,$(OUT)/.judge-inputs,$(TESTS) $(judged),fs-image tests/lib tests/guest tests/explore tests/judge tests/stress \
	  $$(ls -d $(SRC)/tools/testing/selftests/kselftest*.h /usr/lib/*/libc.a),$(OUT),programs "$(words $(judged)) programs",$(LOG)/judged.log,$(judged))
.PHONY: judge-programs

which:
	@echo $(LINUX)
.PHONY: which

seeds = $(if $(filter 0,$(EXPLORE)),0,1-$(EXPLORE))
only  = $(if $(T),$(filter tests/guest/%,$(chosen)))
# of a variant, or of a tree: what the verb was told, for the make that does it
of    = $(if $(wildcard $(1)/Kbuild),KSRC='$(1)',VARIANT='$(1)')

##@ Review

try: ## MBOX=<file or message-id>: a patch series judged on one page; BASE=patched|stock|before|<tree>, EXPLORE=n orders of tasks, T=tests, LIKE=<variant> to be taken for
	@[ -d '$(BASE)' ] || grep -q '^$(BASE):' kernel-patches/variants || \
	  { echo "BASE='$(BASE)': no variant of kernel-patches/variants, and no tree" >&2; exit 2; }
	@$(MAKE) --no-print-directory judge-programs $(call of,$(BASE)) BASE=
	@uml/packages $(if $(filter no,$(DEPS)),--check) sparse
	@$(MAKE) --no-print-directory try-it $(call of,$(BASE))
.PHONY: try

try-it:
	@env $(kernel-env) tests/judge/try '$(NAME)' $(SRC) $(LINUX) '$(LIKE)' $(seeds) '$(MBOX)' $(only)
.PHONY: try-it

compare: ## A=<variant or tree> B=...: the same scenarios and loads on both, only what differs; EXPLORE=n, T=tests
	@tests/judge/compare $(seeds) '$(A)' '$(B)' $(only)
.PHONY: compare

# Over the commits of SRC: of KSRC=, or of our own series
GOOD ?= $(if $(KSRC),,before)
BAD  ?= HEAD
bisect: ## the first commit from GOOD= to BAD= on which T= fails (or CMD='...'), of KSRC=<git tree> or of our own series; statuses as git bisect run takes them
	@$(if $(only)$(CMD),:,echo "make bisect: T=<tests> or CMD='...' says what is to pass" >&2; exit 2)
	@$(MAKE) --no-print-directory deps early config image $(if $(only),test-programs)
	@env $(kernel-env) tests/judge/bisect '$(NAME)' $(SRC) $(LINUX) '$(GOOD)' '$(BAD)' $(only)
.PHONY: bisect
