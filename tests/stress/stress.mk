# The exercisers, for the guest's image: programs that anybody may want in a guest

PROGRAMS           := fsx shared-mapping
fsx_SRC            := $(wildcard tests/stress/fsx/*.c) tests/stress/stress.c
shared-mapping_SRC := tests/stress/shared-mapping.c tests/stress/stress.c
headers            := $(wildcard tests/stress/*.h tests/stress/*/*.h)
image-inputs       := tests/stress
