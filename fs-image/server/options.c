// SPDX-License-Identifier: GPL-2.0-only
/* What the server does unless it is told otherwise. */
#include "server.h"

#include <limits.h>

struct server_options server = {
	.source = "/srv/fuse",
	.max_write = MAX_MAX_WRITE,
	.max_readahead = UINT_MAX,
	.attr_timeout = 1,
	.entry_timeout = 1,
	.async_read = true,
	.readdirplus = true,
	.locks = true,
};
