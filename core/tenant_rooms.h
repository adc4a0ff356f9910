/* core/tenant_rooms.h: where the requests of an open tenant go. */
#pragma once

#include "control_calls.h"
#include "home.h"
#include "slow_lane.h"

struct tenant_rooms {
	const char *name;
	struct store *store;
	struct home *home;
	struct slow_lane *slow;
	struct pace *pace;
	struct attempts *attempts;
	struct meters *meters;
	struct control_calls *generations;
};
