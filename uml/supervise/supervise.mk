# supervise, the program behind uml/run: whatever boots a guest needs it.

SUPERVISE := build/bin/supervise

$(SUPERVISE): $(wildcard uml/supervise/*.[ch]) uml/supervise/supervise.mk
	@$(call locked,build/bin) uml/phase supervise $@ build/log/supervise.log sh -c 'mkdir -p $(@D) && \
	  $(CC) -O2 -g -Wall -Wextra -o $@.new $(filter %.c,$^) && mv $@.new $@'

image: $(SUPERVISE)
