# Other people's FUSE servers, to stand behind the gate: one of our own file system, dynamic
# and static, and what loads them. Not in the image: tests add them.

# (the server as it was compiled for the image)
plain-source := tests/servers/plain.c $(patsubst %.c,$(objects)/fuse-server/%.o,$(wildcard fs-image/server/*.c))
plain-flags  := -O2 -g -Wall -Wextra $(fuse-server_FLAGS) -Ifs-image/server

build/bin/plain-server: $(plain-source) $(headers)
	@mkdir -p $(@D)
	$(CC) $(plain-flags) -o $@.new $(plain-source) -lfuse3 -lpthread
	mv $@.new $@

build/bin/plain-server-static: $(plain-source) $(headers)
	@mkdir -p $(@D)
	$(CC) -static $(plain-flags) -o $@.new $(plain-source) -l:libfuse3.a -lpthread
	mv $@.new $@

build/bin/load: tests/servers/load.c
	@mkdir -p $(@D)
	$(CC) -static -O2 -g -Wall -Wextra -o $@.new $<
	mv $@.new $@

server-programs := $(patsubst %,build/bin/%,plain-server plain-server-static load)
