// SPDX-License-Identifier: GPL-2.0-only
/* Where in the kernel a task can wait: the table that tests/explore/places made. */
#define _GNU_SOURCE
#include "explore.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct place *places;
static size_t n_places;
const char *points_file;

static uint32_t group(const char *function)
{
	uint64_t state = 0;

	while (*function)
		state = state * 31 + *function++;
	return chance(&state) % GROUPS;
}

uint32_t kind_by_name(const char *name)
{
	static const struct {
		const char *name;
		uint32_t kind;
	} kinds[] = { { "all", PLACE },
		      { "shared", SHARED },
		      { "inode", INODE },
		      { "shared-inode", SHARED | INODE } };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(name, kinds[i].name))
			return kinds[i].kind;
	return 0;
}

static void write_points(void)
{
	FILE *f;

	points_file = text("%s/points", folder);
	f = fopen(points_file, "we");
	if (!f)
		cannot("%s: %s", points_file, strerror(errno));
	for (size_t i = 0; i < n_places; i++)
		fwrite((uint32_t[]){ places[i].pc, places[i].kind }, 8, 1, f);
	if (fclose(f))
		cannot("%s: %s", points_file, strerror(errno));
}

static int by_pc(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return (x->pc > y->pc) - (x->pc < y->pc);
}

void read_places(void)
{
	FILE *f = fopen(o.places, "re");
	unsigned long pc;
	char class[16], file[256], line[256], function[256];

	if (!f)
		cannot("%s: %s", o.places, strerror(errno));
	while (fscanf(f, "%lx %15s %255s %255s %255s", &pc, class, file, line,
		      function) == 5) {
		uint32_t kind = PLACE | 1u << (GROUP + group(function));

		if (*class != '-')
			kind |= SHARED;
		if (!strcmp(class, "unlock") || !strcmp(class, "letgo"))
			kind |= UNLOCK;
		if (!strcmp(class, "letgo"))
			kind |= LETGO;
		if (!strcmp(file, "fs/fuse/file.c") ||
		    !strcmp(file, "fs/fuse/dir.c"))
			kind |= INODE;
		if (n_places % 1024 == 0)
			places = checked(realloc(
				places, (n_places + 1024) * sizeof(*places)));
		places[n_places++] = (struct place){
			.pc = pc,
			.kind = kind,
			.file = checked(strdup(file)),
			.line = checked(strdup(line)),
			.function = checked(strdup(function)),
		};
	}
	fclose(f);
	if (!n_places)
		cannot("%s: a kernel without ticks", o.kernel);
	qsort(places, n_places, sizeof(*places), by_pc);
	write_points();
}

const struct place *place_of(unsigned long pc)
{
	static const struct place nowhere = { .file = "?",
					      .line = "?",
					      .function = "?" };
	const struct place key = { .pc = pc },
			   *found = bsearch(&key, places, n_places,
					    sizeof(*places), by_pc);

	return found ?: &nowhere;
}
