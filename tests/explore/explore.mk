# Exploration: programs without gates, or tests, under many orders of the kernel's tasks.
#
# Set by the user: T, RUNS or SEEDS, HOW, DEPTH, RATE, POINTS, STOP, RULE, RESUME; AGAINST;
# FARM, AT, UNIT; SCHEDULE, LOST.

EXPLORER := build/bin/explore
RUNS     ?= 500
explored-seeds = $(or $(SEEDS),1-$(RUNS))

explore-sources := $(wildcard tests/explore/programs/*.c)
explore-program = $(patsubst tests/explore/programs/%.c,$(TESTS)/explore/%,$(1))
# a word is a program's name, or names tests; all programs without one
explore-word    = $(if $(wildcard tests/explore/programs/$(1).c),$(call explore-program,tests/explore/programs/$(1).c),$(patsubst tests/guest/%.c,$(TESTS)/%,$(filter tests/guest/%,$(shell tests/choose '$(1)'))))
explored        = $(if $(T),$(foreach t,$(T),$(call explore-word,$(t))),$(call explore-program,$(explore-sources)))

$(TESTS)/lib/program.o: tests/explore/program.c tests/explore/program.h $(test-headers)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -c -o $@ $<

$(TESTS)/explore/%: tests/explore/programs/%.c tests/explore/program.h $(TESTS)/lib/program.o $(test-objects)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -Itests/explore -s -o $@.new $< $(TESTS)/lib/program.o $(test-objects) -lpthread
	mv $@.new $@

explorer-sources := $(addprefix tests/explore/,main.c places.c guest.c choose.c search.c shrink.c replay.c)
$(EXPLORER): $(explorer-sources) tests/explore/explore.h
	@mkdir -p $(@D)
	$(CC) -O2 -g -Wall -Wextra -o $@.new $(explorer-sources)
	mv $@.new $@

# The places of a kernel are a table beside it
explore-ready = $(MAKE) -q --no-print-directory $(EXPLORER) $(1) || uml/phase explore "programs" $(LOG)/explore.log $(MAKE) --no-print-directory $(EXPLORER) $(1); \
	[ $(OUT)/places -nt $(LINUX) ] || uml/phase places "$(NAME)" $(LOG)/places.log tests/explore/places $(LINUX) $(OUT)/places
explorer = $(EXPLORER) --kernel $(LINUX) --image $(IMAGE) --places $(OUT)/places --out build/explore/$(NAME)

##@ Exploration

explore: ready ## other orders of the tasks of T=truncate until one fails; RUNS=500 SEEDS=1-500 HOW=random|pct|surw|every STOP=n RESUME=1
	@$(if $(explored),:,echo "make explore T=$(T): no program or test has such a name; see tests/explore/README.md" >&2; exit 2)
	@$(if $(FARM),uml/packages $(if $(filter no,$(DEPS)),--check) parallel,:)
	@mkdir -p build/explore; $(call explore-ready,$(explored))
	@$(if $(AGAINST),$(if $(filter tmpfs,$(AGAINST)),:,$(MAKE) --no-print-directory ready VARIANT=$(AGAINST)) && tests/explore/against $(NAME) $(AGAINST) $(explored-seeds) $(explored),:)
	@$(if $(AGAINST),:,$(if $(FARM),NAME=$(NAME) HOW=$(HOW) UNIT=$(UNIT) AT=$(AT) RESUME=$(RESUME) tests/explore/farm '$(FARM)' $(RUNS) $(notdir $(explored)),$(explore-here)))
.PHONY: explore

explore-here = status=0; for program in $(explored); do \
	  $(explorer) --seeds $(explored-seeds) $(if $(HOW),--how $(HOW)) $(if $(DEPTH),--depth $(DEPTH)) $(if $(RATE),--rate $(RATE)) \
	    $(if $(POINTS),--points $(POINTS)) $(if $(RULE),--rule '$(RULE)') $(if $(STOP),--stop $(STOP)) $(if $(RESUME),--resume) $(if $(JOBS),--jobs $(JOBS)) $$program || \
	  { status=$$?; [ $$status -eq 1 ] || exit $$status; }; done; exit $$status

# the program that a schedule is for
scheduled = $(TESTS)/$(shell sed -n 's/^. program //p' '$(SCHEDULE)' 2>/dev/null)

replay: schedule-there ready ## SCHEDULE=<file>: the order that failed, once more; LOST=1 from where on nothing helps. make gdb SCHEDULE= is the same in gdb
	@mkdir -p build/explore; $(call explore-ready,$(scheduled))
	@$(explorer) --replay '$(SCHEDULE)' $(if $(LOST),--lost) $(scheduled)
.PHONY: replay

schedule-there:
	@[ -f '$(SCHEDULE)' ] || { echo "SCHEDULE='$(SCHEDULE)': no such file; make explore leaves some in build/explore" >&2; exit 2; }
	@grep -q '^# program ' '$(SCHEDULE)' || { echo "SCHEDULE=$(SCHEDULE): not a schedule of make explore" >&2; exit 2; }
	@[ -f "tests/explore/programs/$$(basename $(scheduled)).c" ] || [ -f "$(scheduled:$(TESTS)/%=tests/guest/%.c)" ] || \
	  { echo "SCHEDULE=$(SCHEDULE): its program is not here: $(scheduled:$(TESTS)/%=%)" >&2; exit 2; }
.PHONY: schedule-there

# For make gdb SCHEDULE=: the same guest, with the same waits
schedule-program: schedule-there
	@mkdir -p build/explore; $(call explore-ready,$(scheduled))
.PHONY: schedule-program

as-schedule = MEM=256M CMD='exec $(if $(findstring /explore/,$(scheduled)),/tests/$(notdir $(scheduled)) /tests/$(notdir $(SCHEDULE)),/tests/apply /tests/$(notdir $(SCHEDULE)) /tests/$(notdir $(scheduled)))' \
	RUN='--no-fuse --add $(scheduled) --add $(SCHEDULE) --add tests/explore/apply --append explore.go=0 $(RUN)'

# What tests/host/explore*.sh explore
host-explored := $(addprefix $(TESTS)/explore/,last_writer differs idle slow)
$(host-explored): $(TESTS)/explore/%: tests/explore/%.c tests/explore/program.h $(TESTS)/lib/program.o $(test-objects)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -Itests/explore -s -o $@.new $< $(TESTS)/lib/program.o $(test-objects) -lpthread
	mv $@.new $@
# (and the programs of the schedules that are kept)
host-explored += $(patsubst %,$(TESTS)/%,$(shell sed -n 's/^# program //p' tests/explore/schedules/*.schedule)) $(TESTS)/explore/random
binaries += $(if $(filter tests/host/explore%.sh,$(chosen)),$(EXPLORER) $(host-explored))
