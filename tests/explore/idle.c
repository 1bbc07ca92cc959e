// SPDX-License-Identifier: GPL-2.0-only
/* It does nothing that could be in another order. */
#include "program.h"

static void nothing(void)
{
	ready();
}

PROGRAM(.tasks = { { "nothing", nothing } })
