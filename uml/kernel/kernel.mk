# The kernel as a process: source -> patched tree -> .config -> build/<variant>/linux
#
# Set by the user: VARIANT, DEBUG, SMP, KSRC, KERNEL. Made here: $(LINUX), $(VMLINUX), $(SRC).

KERNEL  ?= 6.12
VARIANT ?= patched
KSRC    ?=
DEBUG   ?=
SMP     ?=

CACHE   := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/fuse-uml
REPO    := build/linux-$(KERNEL).git

FRAGMENTS := uml/kernel/config/base.config
suffix    :=
ifneq ($(filter-out 0 n no,$(DEBUG)),)
FRAGMENTS += uml/kernel/config/debug.config
suffix    := -debug
endif
# More CPUs than one, and with them the host's clock (uml/run --smp)
smp := $(filter-out 0 1 n no,$(SMP))
ifneq ($(smp),)
ifneq ($(filter-out 2 3 4 5 6 7 8,$(smp)),)
$(error SMP=$(SMP): how many CPUs? 2 to 8)
endif
one-cpu := $(filter gdb gdb-server tour why open explore coverage watch mutants repro series bench try compare bisect,$(MAKECMDGOALS))
ifneq ($(one-cpu),)
$(error make $(firstword $(one-cpu)) SMP=$(SMP): gdb, ticks and exploration are for one CPU; run, test and soak take SMP=)
endif
FRAGMENTS += uml/kernel/config/smp.config
suffix    := -smp$(suffix)
export SMP
endif

ifneq ($(KSRC),)
# Anybody's own tree: no patches, nothing written into it. Its build folder is
# named by its path, so that several trees live side by side.
tree    := ksrc-$(notdir $(abspath $(KSRC)))-$(shell printf %s '$(abspath $(KSRC))' | cksum | cut -c1-6)
SRC     := $(abspath $(KSRC))
# What the tests take it for: one that has our patches has their name (make rebase)
override VARIANT := $(or $(filter patched before,$(lastword $(subst -, ,$(notdir $(SRC))))),stock)
else ifneq ($(KERNEL),6.12)
# Our patches are for 6.12: another version is built as Debian ships it, with what
# it needs to run at all (kernel-patches/common) where that applies.
ifneq ($(filter-out stock,$(VARIANT)),)
ifeq ($(origin VARIANT),command line)
$(error VARIANT=$(VARIANT) exists for KERNEL=6.12 only: leave VARIANT out, or say VARIANT=stock)
endif
endif
override VARIANT := stock
tree    := $(KERNEL)-stock
SRC     := build/$(tree)/src
else
tree    := $(VARIANT)
SRC     := build/$(tree)/src
endif

NAME    := $(tree)$(suffix)
OUT     := build/$(NAME)
# Beside the source it is made of, also for the debug kernel: the compiler cache knows a
# source by its path from here, which is then the same in each variant
OBJ     := $(if $(suffix),build/$(tree)/obj$(suffix),$(OUT)/obj)
LINUX   := $(OUT)/linux
VMLINUX := $(OBJ)/vmlinux
LOG     := $(OUT)/log

# ccache across variants: paths relative to the object folder, which gdb is told. Without
# the second map an object from another variant's build would name that one's sources.
# DEPEND: it reads gcc's own list of headers, and does not preprocess each file first.
# Across users and hosts: rustc's and pahole's versions go into the configuration, and so into
# each object, though no kernel here is made with them; locale is that of gcc's messages.
KMAKE   := CC=$(abspath uml/kernel/cc) RUSTC=false PAHOLE=false LOCALVERSION=-$(NAME) \
	KCFLAGS="-fdebug-prefix-map=$(abspath $(OBJ))=.$(if $(KSRC),, -fdebug-prefix-map=$(abspath $(SRC))=../src)" \
	$(if $(filter 1,$(V)),V=1)
kernel-env = UML_CCACHE=$(shell command -v ccache) CCACHE_DIR=$(CACHE)/ccache \
	CCACHE_BASEDIR=$(abspath build) CCACHE_NOHASHDIR=1 CCACHE_DEPEND=1 CCACHE_SLOPPINESS=time_macros,locale \
	KBUILD_BUILD_USER=fuse KBUILD_BUILD_HOST=uml KBUILD_BUILD_VERSION=1 \
	KBUILD_BUILD_TIMESTAMP='1970-01-01'

# One builder at a time in a build folder; the next one finds the work done.
locked = mkdir -p $(1) && flock $(1)/.lock

INPUTS := build/bin/inputs
$(INPUTS): uml/inputs.c
	@mkdir -p $(@D)
	@$(CC) -O2 -Wall -Wextra -o $@.$$$$ $< -lpthread && mv $@.$$$$ $@

# Products, if anything has changed: a list of it, products (folders, too), what they are made
# of, lock, phase and its object, log, make's goals. (make -n makes nothing)
made = uml/due $(1) $(2) -- $(3) || { { $(MAKE) -q --no-print-directory $(7) || \
	  { $(call locked,$(4)) uml/phase $(5) $(6) $(MAKE) --no-print-directory -j$(JOBS) $(7); }; } && \
	  $(if $(findstring n,$(firstword -$(MAKEFLAGS))),:,uml/due --made $(1) $(2)); }

.PHONY: source tree config linux
ifneq ($(KSRC),)
source:
	@test -f $(SRC)/Kbuild && test -d $(SRC)/arch/um || { \
	  echo "KSRC=$(KSRC) is no kernel tree: no Kbuild and arch/um in it" >&2; exit 1; }
	@test -d $(SRC)/fs/fuse || { echo "KSRC=$(KSRC) is a kernel without FUSE: no fs/fuse in it" >&2; exit 1; }
	@if [ -f $(SRC)/.config ] || [ -d $(SRC)/include/config ]; then \
	  echo "KSRC=$(KSRC) has been built in place, and kbuild then refuses a build folder elsewhere." >&2; \
	  echo "Give it a clean worktree: git -C $(KSRC) worktree add ../clean, then KSRC=.../clean" >&2; exit 1; fi
tree: source
else
source:
	@[ -d $(REPO) ] || { $(call locked,build) \
	  uml/phase source linux-source-$(KERNEL) build/log/source.log \
	  sh -c '[ -d $(REPO) ] || uml/kernel/source $(KERNEL) $(CACHE) $(REPO)'; }

variants := $(sort $(shell sed -n 's/^\([^\#:]*\):.*/\1/p' kernel-patches/variants))
$(if $(filter $(VARIANT),$(variants)),,$(error no VARIANT=$(VARIANT): there is $(variants)))
tree: source
	@uml/kernel/tree --is-current $(VARIANT) kernel-patches $(SRC) || { $(call locked,build) \
	  uml/phase patch "$(VARIANT)" build/log/patch-$(tree).log \
	  uml/kernel/tree $(REPO) $(VARIANT) kernel-patches $(SRC); }
endif

config: tree
	@$(if $(smp),grep -qs '^config UML_SUBARCH_SUPPORTS_SMP' $(SRC)/arch/um/Kconfig || { \
	  echo "SMP=$(SMP): User-mode Linux has one CPU in $(SRC): KERNEL=7.3 can have more" >&2; exit 1; })
	@mkdir -p $(OUT) $(OBJ)
	@$(if $(suffix),[ -L $(OUT)/obj ] || { rm -rf $(OUT)/obj; ln -sfn ../$(tree)/obj$(suffix) $(OUT)/obj; })
	@if [ ! -f $(OBJ)/.config ] || [ ! -f $(OUT)/.configured ] || \
	    [ -n "$$(find $(FRAGMENTS) uml/kernel/configure $(wildcard $(SRC)/../.series) -newer $(OUT)/.configured)" ]; then \
	  $(call locked,$(OUT)) uml/phase config "$(NAME)" $(LOG)/config.log \
	  sh -c '$(kernel-env) CC=$(abspath uml/kernel/cc) uml/kernel/configure $(SRC) $(OBJ) $(FRAGMENTS) && touch $(OUT)/.configured' && \
	  { grep -E '^config: (left out|note)' $(LOG)/config.log >&2 || :; }; fi

# Kbuild takes a second and a half to find that nothing changed: ask only when something has
linux: config $(INPUTS) ## build/VARIANT/linux
	@uml/kernel/build --is-current $(SRC) $(OBJ) $(LINUX) || { \
	  $(call locked,$(OUT)) uml/phase build "$(NAME)" $(LOG)/build.log \
	  env $(kernel-env) uml/kernel/build $(SRC) $(OBJ) $(LINUX) $(KMAKE) -j$(JOBS); }

# Before a command that runs tests: it does not wait for kbuild
ahead = env $(kernel-env) UML_MAKE="$(MAKE)" uml/kernel/ahead $(SRC) $(OBJ) $(LINUX)

# A configured tree in a folder given on the command line (tests/mutants): build only
linux-in: $(INPUTS)
	@env $(kernel-env) uml/kernel/build $(SRC) $(OBJ) $(LINUX) $(KMAKE) -j$(JOBS)
.PHONY: linux-in
