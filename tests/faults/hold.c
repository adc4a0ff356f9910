#include "faults/hold.h"

#include "steps.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { STEPS_MAX = 16 };

enum word { GO, HOLD, FAIL };

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct {
		char name[16];
		enum word word;
	} steps[STEPS_MAX];
	char at[16];
} here = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

/* Under the lock. */
static enum word *word_at(const char *step)
{
	int i = 0;

	while (i < STEPS_MAX - 1 && here.steps[i].name[0] != '\0' &&
		strcmp(here.steps[i].name, step) != 0)
		i++;
	snprintf(here.steps[i].name, sizeof here.steps[i].name, "%s", step);
	return &here.steps[i].word;
}

bool steps_set(const char *step, const char *word)
{
	static const char *const words[] = {[GO] = "go", [HOLD] = "hold", [FAIL] = "fail"};

	for (int i = GO; i <= FAIL; i++) {
		if (strcmp(words[i], word) != 0)
			continue;
		pthread_mutex_lock(&here.lock);
		*word_at(step) = (enum word)i;
		pthread_cond_broadcast(&here.changed);
		pthread_mutex_unlock(&here.lock);
		return true;
	}
	return false;
}

const char *steps_at(void)
{
	static _Thread_local char at[16];

	pthread_mutex_lock(&here.lock);
	strcpy(at, here.at);
	pthread_mutex_unlock(&here.lock);
	return at;
}

/* Stands in the place of the one in core/steps.c. */
int step_reached(const char *step, struct err *err)
{
	enum word *word, said;

	pthread_mutex_lock(&here.lock);
	word = word_at(step);
	while (*word == HOLD) {
		snprintf(here.at, sizeof here.at, "%s", step);
		pthread_cond_wait(&here.changed, &here.lock);
	}
	here.at[0] = '\0';
	said = *word;
	*word = GO;
	pthread_mutex_unlock(&here.lock);
	return said == FAIL ? err_set(err, TM_EIO, "a test failed it at the step %s", step) : 0;
}
