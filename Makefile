# FUSE writeback sandbox: the verbs a user types. `make help` is made from the
# comments behind the targets.
#
# GPL-2.0-only

SHELL := /bin/sh
ifneq ($(O),)
# The checkout is only read: in O stand links to what is in it, and build/. Paths in the
# variables are meant from here
goals := $(or $(MAKECMDGOALS),help)
.PHONY: $(goals) in-O
$(goals): in-O ; @:
in-O:
	@mkdir -p '$(O)' && for entry in * .[!.]*; do \
	  [ "$$entry" = build ] || [ ! -e "$$entry" ] || ln -sfn "$$PWD/$$entry" '$(O)'/"$$entry" || exit; done
	@$(MAKE) -C '$(O)' --no-print-directory $(goals) O= $(if $(KSRC),KSRC='$(abspath $(KSRC))') $(if $(ONTO),ONTO='$(abspath $(ONTO))')
else ifneq ($(words =$(CURDIR)=)$(findstring :,$(CURDIR)),1)
$(error kbuild refuses a path with a blank or a colon, as of this folder: '$(CURDIR)'. \
  Build in another one: make O=<folder> ...)
else
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
ifeq ($(origin JOBS),undefined)
JOBS := $(shell nproc)
endif
# CMD is the guest's shell's, not make's: $ arrives as typed
ifdef CMD
override CMD := $(value CMD)
export CMD
endif
# The steps of a verb follow each other, with make -j too; what a step makes has a path
ifeq ($(findstring /,$(MAKECMDGOALS)),)
.NOTPARALLEL:
endif

include uml/kernel/kernel.mk
include uml/supervise/supervise.mk
include tests/stress/stress.mk
include fs-image/image.mk
include tests/servers/servers.mk
include tests/tests.mk
include tests/explore/explore.mk
include tests/judge/judge.mk

##@ Verbs

run: ready ## a shell in the guest, or CMD='...'; the last line says its status (make's own is 0 or 2)
	@uml/session $(LINUX) $(IMAGE) $(if $(MEM),--mem $(MEM)) $(RUN)
.PHONY: run

# CMD, BREAK, GO, PID, RUN, MEM: make gives its command line's variables to what it runs
gdb: ready $(if $(T),one-test test-programs) $(if $(SCHEDULE),schedule-program) ## the kernel under gdb; BREAK=fuse_fsync CMD='...' goes straight there; T=A4 runs a test
	@$(if $(T),$(as-command)) $(if $(SCHEDULE),$(as-schedule)) uml/gdb/debug $(LINUX) $(IMAGE)
.PHONY: gdb

gdb-server: ready ## the server inside the guest under gdb; BREAK=fs_write CMD='...'
	@uml/gdb/debug-server $(LINUX) $(IMAGE)
.PHONY: gdb-server

# Part 4 is about a hang: its kernel has a historic bug
tour: ready ## three walks through page writeback in gdb; PART=2 takes one, PART=4 goes back in time from a hang
	@kernel=$(if $(filter 4,$(PART)),$$(tests/repro --kernel m2),$(LINUX)) && uml/gdb/tour $$kernel $(IMAGE) $(PART)
.PHONY: tour

# CMD, PID, KEEP, CORE, CURE, STACKS, RUN, MEM
why: ready ## why a guest hangs: the newest one, PID=; CMD='...' runs that until it hangs, and tries what ends it
	@uml/gdb/why $(LINUX) $(IMAGE)
.PHONY: why

open: ## gdb on a guest that hung or broke, and was kept: the newest one, or RUN=<folder>
	@uml/gdb/open '$(RUN)' $(LINUX)
.PHONY: open

console: ## the terminal of the guest that make gdb runs; Ctrl-] leaves
	@uml/console
.PHONY: console

bench: deps ## what the loop costs, and the kernels; on an idle host, about 20 minutes
	@$(MAKE) --no-print-directory ready VARIANT=stock
	@$(MAKE) --no-print-directory ready VARIANT=patched
	@tests/bench
.PHONY: bench

patches: ## write the commits of build/VARIANT/src back to kernel-patches/
	@uml/kernel/patches $(VARIANT) $(SRC) kernel-patches
.PHONY: patches

# The files that the patches were made for are in 6.12's repository
rebase: deps ## VARIANT's patches on another 6.12 tree, ONTO=<git tree>, by git am --3way; that tree stays as it is
	@$(if $(KSRC)$(filter-out 6.12,$(KERNEL)),echo "make rebase: the patches are for 6.12. ONTO= names the other tree: leave out KSRC and KERNEL" >&2; exit 2)
	@$(MAKE) --no-print-directory source
	@uml/kernel/rebase $(VARIANT) kernel-patches $(REPO) '$(ONTO)' build/rebase
.PHONY: rebase

lint: ## checkpatch, W=1 and sparse on the patches, virtio_fs, DAX and CUSE compile, clang-format, shellcheck
	@uml/packages $(if $(filter no,$(DEPS)),--check) $(PACKAGES) sparse clang-format shellcheck
	@$(MAKE) --no-print-directory linux VARIANT=stock
	@$(MAKE) --no-print-directory linux
	@$(call locked,build) env $(kernel-env) uml/kernel/lint $(NAME) $(SRC) $(OBJ) kernel-patches build/stock/src build/stock/obj $(KMAKE)
.PHONY: lint

series: ready ## each patch by itself: W=1, also for x86_64, and FSX=200000 operations; about an hour for all
	@$(call locked,build) env $(kernel-env) uml/kernel/series $(NAME) $(SRC) $(OBJ) $(OUT)/series $(or $(FSX),200000) $(KMAKE) -j$(JOBS)
.PHONY: series

index: ready ## compile_commands.json for clangd, and tags, of what was compiled
	@uml/packages $(if $(filter no,$(DEPS)),--check) python3
	@uml/kernel/index $(SRC) $(OBJ) $(OUT)
.PHONY: index

##@ Steps, each done by the verbs above when it is due

ready: deps early linux image
.PHONY: ready

# The first time: while the kernel's source unpacks, which takes one CPU
early:
	@[ -n '$(KSRC)' ] || [ -d $(REPO) ] || { $(MAKE) --no-print-directory image & $(MAKE) --no-print-directory source; \
	  status=$$?; wait; exit $$status; }
.PHONY: early

PACKAGES := gcc libc6-dev make git procps flex bison bc cpio xz-utils perl ccache gdb \
	busybox-static libfuse3-dev zstd

deps: ## install the Debian packages that are missing; DEPS=no only says which
	@uml/packages $(if $(filter no,$(DEPS)),--check) $(PACKAGES)
.PHONY: deps

doctor: ## check what this host needs, one line each with the mend
	@uml/doctor $(CACHE) $(PACKAGES)
.PHONY: doctor

clean: ## remove everything made in this folder; the cache stays
	rm -rf build
.PHONY: clean

help: ## this text
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  make %-10s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@printf '\n%s\n' 'Variables'; printf '%s\n' \
	  '  VARIANT=patched|before|stock   which kernel (this one: $(NAME))' \
	  '  DEBUG=1                        with KASAN, lockdep, UBSAN' \
	  '  SMP=2                          several CPUs, by the host'"'"'s clock: KERNEL=7.3' \
	  '  KSRC=<tree>                    your own kernel tree instead, untouched' \
	  '  KERNEL=<version>               another linux-source-<version> of Debian: 6.1, 7.3' \
	  '  RUN="--share DIR"              more options for uml/run; MEM=512M' \
	  '  O=<folder>                     build there, not in build/; this folder is only read' \
	  '  SERVER="bindfs -f /srv/fuse {}"  your FUSE server in place of ours: run, gdb, why, test' \
	  '  SERVERS=1                      make test: install real servers, and try them' \
	  '  KEEP=<folder>, CORE=no         run, why: where a guest that hangs is left; without its memory' \
	  '  DEPS=no                        install nothing' \
	  '  V=1                            show what the phases do'
.PHONY: help
endif
