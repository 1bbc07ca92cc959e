// SPDX-License-Identifier: GPL-2.0-only
/* See start.h. */
#include "start.h"
#include "board.h"
#include "control.h"
#include "log.h"
#include "misbehave.h"

static const struct gate_options *options;

const char *gate_first_rule(const char *text)
{
	const char *err = "an empty command";
	unsigned int id;
	struct words w;

	if (words_split(&w, text))
		err = rule_is_action(w.word[0]) ? rule_add(&w, text, &id) :
						  "not a rule";
	words_free(&w);
	return err;
}

int gate_init(const struct gate_options *o)
{
	options = o;
	log_init(o->log_entries, o->control);
	board_init(o->control);
	return control_init(o);
}

void gate_start(void)
{
	misbehave_init(options->device, options->mountpoint);
	requests_init(options);
	control_start();
}
