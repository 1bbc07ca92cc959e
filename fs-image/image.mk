# The guest's root: busybox, init, the server and the gate, their client, act. Who includes
# this may have put more programs into PROGRAMS, their headers into `headers`, and the
# folders of their sources into `image-inputs`.
# Same files, same bytes: the image does not differ from build to build.

IMAGE  := build/rootfs.cpio

IMAGE_CFLAGS := -O2 -g -Wall -Wextra -Ifs-image/gate

gate-client := $(patsubst %,fs-image/gate/%.c,client gate threads)
gate-inside := fs-image/gate/inside.c
gate-socket := $(patsubst %,fs-image/gate/%.c,socket received mount)
gate-preload := $(patsubst %,fs-image/gate/%.c,preload go self mount)
gate-core    := $(filter-out $(gate-client) $(gate-inside) $(gate-socket) $(gate-preload),$(wildcard fs-image/gate/*.c))

init_SRC        := fs-image/init.c fs-image/hang.c
act_SRC         := $(wildcard fs-image/act/*.c)
gate_SRC        := $(gate-client)
fuse-server_SRC := fs-image/fuse-server.c $(wildcard fs-image/server/*.c) $(gate-core) $(gate-inside)
fuse-gate_SRC   := fs-image/fuse-gate.c $(gate-core) $(gate-socket)
fusermount3_SRC := fs-image/fusermount3.c fs-image/gate/mount.c
PROGRAMS        += init act gate fuse-server fuse-gate fusermount3

fuse-server_FLAGS := -DFUSE_USE_VERSION=314 -D_FILE_OFFSET_BITS=64 -I/usr/include/fuse3
fuse-server_LIBS  := -l:libfuse3.a
headers           += $(wildcard fs-image/*.h fs-image/*/*.h)

# Linked into servers of the host
fuse-gate.so_SRC   := $(gate-core) $(gate-preload)
fuse-gate.so_FLAGS := -fPIC -fvisibility=hidden
fuse-gate.so_LINK  := -shared
fuse-gate.so_LIBS  := -ldl
PROGRAMS           += fuse-gate.so

# The compiler cache knows a source by its path from here
ccache  := $(shell command -v ccache)
compile := $(if $(ccache),CCACHE_DIR=$(CACHE)/ccache CCACHE_SLOPPINESS=locale $(ccache)) $(CC) -fdebug-prefix-map=$(CURDIR)=.
objects := build/bin/objects

# With symbols, for gdb; the image gets stripped copies.
define program
build/bin/$(1): $$(patsubst %.c,$(objects)/$(1)/%.o,$$($(1)_SRC))
	$(CC) $(or $($(1)_LINK),-static) -o $$@.new $$^ $$($(1)_LIBS) -lpthread
	mv $$@.new $$@
$(objects)/$(1)/%.o: %.c fs-image/image.mk
	@mkdir -p $$(@D)
	$(compile) -MMD -MP -MF $$(@:o=d) -MT $$@ $(IMAGE_CFLAGS) $$($(1)_FLAGS) -c -o $$@.new $$<
	mv $$@.new $$@

endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))
# for the make that makes them
-include $(if $(findstring /,$(MAKECMDGOALS)),$(shell [ ! -d $(objects) ] || find $(objects) -name '*.d'))

$(IMAGE): $(PROGRAMS:%=build/bin/%) fs-image/pack
	fs-image/pack $@.new $(PROGRAMS:%=build/bin/%)
	mv $@.new $@

image: $(INPUTS)
	@+$(call made,build/.image-inputs,$(PROGRAMS:%=build/bin/%) $(objects) $(IMAGE),fs-image $(image-inputs) \
	  $$(ls -d /usr/include/fuse3 /usr/lib/*/libfuse3.a /usr/lib/*/libc.a /bin/busybox),build/bin,image $(IMAGE),build/log/image.log,$(IMAGE))
.PHONY: image
