#include "script/watchdog.h"

#include "base/clock.h"
#include "base/err.h"
#include "script/run.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <uv.h>

/* How long it sleeps: a millisecond when a deadline is near; otherwise as long as it may take to
 * notice that something new runs. */
enum {
	MS = 1000000,
	NEAR_NS = MS,
	FAR_NS = 5 * MS,
	AGAIN_NS = 20 * MS,
	LEAST_NS = 2 * MS,
	AGAIN_MOST_NS = 640 * MS
};

/* Relaxed throughout: what a thread runs is read by that thread alone (its signal handler), and the
 * watchdog only compares numbers. */
struct watch_place {
	struct watch_place *next;
	pthread_t thread;
	clockid_t clock;          /* of the thread's time on a processor */
	struct run *volatile run; /* this thread and its signal handler */
	int64_t last;             /* the same two: the deadline behind a soft one, or 0 */
	_Atomic int64_t deadline; /* 0: nothing runs */
	_Atomic int64_t late;     /* the deadline that was found passed */
	_Atomic int64_t unwanted; /* the deadline of what must give way at once */
	/* The watchdog's own: a deadline since it was first seen, how much time it has from then
	 * on, what the thread had used by then, and when it is looked at again. A signal that came
	 * at a bad moment is sent again, less and less often: to set a hook on a deep stack takes
	 * so long that the thread might come to nothing else. */
	int64_t seen, has, used, due, pause;
};

static struct {
	pthread_mutex_t lock; /* a thread ends only when it is no longer in the list */
	pthread_once_t once;
	pthread_key_t key;
	struct watch_place *first;
	uv_thread_t thread;
	uv_mutex_t sleep;
	uv_cond_t wake;
	bool running, stops;
} dog = {.lock = PTHREAD_MUTEX_INITIALIZER, .once = PTHREAD_ONCE_INIT};

static __thread struct watch_place *mine;

static int signal_number(void)
{
	return SIGRTMIN + 3;
}

static bool is_late(const struct watch_place *place)
{
	int64_t deadline = atomic_load_explicit(&place->deadline, memory_order_relaxed);

	return deadline != 0 &&
	       deadline == atomic_load_explicit(&place->late, memory_order_relaxed);
}

/* A run that should only give way goes on, if it cannot, up to its last deadline; and so does one
 * that was unwanted, under another number. */
static void end_late(struct watch_place *place)
{
	int64_t deadline = atomic_load_explicit(&place->deadline, memory_order_relaxed);
	bool unwanted = deadline == atomic_load_explicit(&place->unwanted, memory_order_relaxed);

	if (place->last == 0 && !unwanted) {
		run_break(place->run, BREACH_TIME);
		return;
	}
	atomic_store_explicit(&place->deadline, place->last != 0 ? place->last : deadline + 1,
		memory_order_relaxed);
	place->last = 0;
	if (place->run->can_give_way)
		run_break(place->run, BREACH_GIVE_WAY);
}

/* On the late thread. The signal may come after the run it was meant for. */
static void on_signal(int number)
{
	(void)number;
	watch_look();
}

void watch_look(void)
{
	struct watch_place *place = mine;

	if (place != NULL && place->run != NULL && is_late(place))
		end_late(place);
}

static void place_free(void *data)
{
	struct watch_place *place = data, **at;

	pthread_mutex_lock(&dog.lock);
	for (at = &dog.first; *at != place; at = &(*at)->next)
		;
	*at = place->next;
	pthread_mutex_unlock(&dog.lock);
	mine = NULL;
	free(place);
}

static void prepare(void)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

	if (pthread_key_create(&dog.key, place_free) != 0)
		abort();
	sigemptyset(&action.sa_mask);
	sigaction(signal_number(), &action, NULL);
}

static struct watch_place *place_of_thread(void)
{
	struct watch_place *place;
	sigset_t own;

	if (mine != NULL)
		return mine;
	pthread_once(&dog.once, prepare);
	place = calloc(1, sizeof *place);
	if (place == NULL)
		return NULL;
	place->thread = pthread_self();
	if (pthread_getcpuclockid(place->thread, &place->clock) != 0 ||
		pthread_setspecific(dog.key, place) != 0) {
		free(place);
		return NULL;
	}
	sigemptyset(&own);
	sigaddset(&own, signal_number());
	pthread_sigmask(SIG_UNBLOCK, &own, NULL);
	mine = place;
	pthread_mutex_lock(&dog.lock);
	place->next = dog.first;
	dog.first = place;
	pthread_mutex_unlock(&dog.lock);
	return place;
}

struct watch watch_enter(struct watch now)
{
	struct watch_place *place = mine != NULL ? mine : place_of_thread();
	struct watch before;

	if (place == NULL)
		return (struct watch){0};
	before = (struct watch){place->run,
		atomic_load_explicit(&place->deadline, memory_order_relaxed), place->last};
	/* The handler must never find one run with the deadline of another. */
	atomic_store_explicit(&place->deadline, 0, memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
	place->run = now.run;
	place->last = now.last;
	atomic_signal_fence(memory_order_seq_cst);
	atomic_store_explicit(&place->deadline, now.deadline, memory_order_relaxed);
	return before;
}

bool watch_has_ended(void)
{
#ifdef __SANITIZE_THREAD__
	watch_look();
#endif
	return mine != NULL && mine->run != NULL && mine->run->broken != BREACH_NONE;
}

struct watch_place *watch_my_place(void)
{
	return mine != NULL ? mine : place_of_thread();
}

void watch_give_way(struct watch_place *place)
{
	int64_t deadline = atomic_load_explicit(&place->deadline, memory_order_relaxed);

	atomic_store_explicit(&place->unwanted, deadline, memory_order_relaxed);
}

static int64_t time_used(const struct watch_place *place)
{
	struct timespec time;

	if (clock_gettime(place->clock, &time) != 0)
		return 0;
	return (int64_t)time.tv_sec * 1000 * MS + time.tv_nsec;
}

static int64_t signal_late(struct watch_place *place, int64_t deadline, int64_t now)
{
	atomic_store_explicit(&place->late, deadline, memory_order_relaxed);
	pthread_kill(place->thread, signal_number());
	place->due = now + place->pause;
	if (place->pause < AGAIN_MOST_NS)
		place->pause *= 2;
	return place->due;
}

/* Returns when it should be looked at again. From when a run is first seen it has as much of the
 * processor's time as lay before its deadline, and at least LEAST_NS, however late that comes: who
 * did not run is not late. */
static int64_t look_at(struct watch_place *place, int64_t now)
{
	int64_t deadline = atomic_load_explicit(&place->deadline, memory_order_relaxed);
	int64_t used, left;

	if (deadline == 0)
		return now + FAR_NS;
	if (deadline == atomic_load_explicit(&place->unwanted, memory_order_relaxed))
		return signal_late(place, deadline, now);
	if (deadline != place->seen) {
		place->seen = deadline;
		place->due = deadline > now + LEAST_NS ? deadline : now + LEAST_NS;
		place->has = place->due - now;
		place->used = time_used(place);
		place->pause = AGAIN_NS;
	}
	if (now < place->due)
		return place->due;
	used = time_used(place) - place->used;
	left = place->has - used;
	if (left > MS) {
		place->due = now + left;
		return place->due;
	}
	return signal_late(place, deadline, now);
}

static uint64_t look(void)
{
	int64_t now = clock_mono_ns(), next = now + FAR_NS;

	pthread_mutex_lock(&dog.lock);
	for (struct watch_place *place = dog.first; place != NULL; place = place->next) {
		int64_t due = look_at(place, now);

		next = due < next ? due : next;
	}
	pthread_mutex_unlock(&dog.lock);
	return (uint64_t)(next - now < NEAR_NS ? NEAR_NS : next - now);
}

static void watch_over(void *data)
{
	(void)data;
	uv_mutex_lock(&dog.sleep);
	while (!dog.stops) {
		uint64_t pause = look();

		uv_cond_timedwait(&dog.wake, &dog.sleep, pause);
	}
	uv_mutex_unlock(&dog.sleep);
}

int watchdog_start(void)
{
	pthread_once(&dog.once, prepare);
	dog.stops = false;
	if (uv_mutex_init(&dog.sleep) != 0)
		return TM_ENOMEM;
	if (uv_cond_init(&dog.wake) != 0)
		goto no_condition;
	if (uv_thread_create(&dog.thread, watch_over, NULL) != 0)
		goto no_thread;
	dog.running = true;
	return 0;
no_thread:
	uv_cond_destroy(&dog.wake);
no_condition:
	uv_mutex_destroy(&dog.sleep);
	return TM_ENOMEM;
}

void watchdog_stop(void)
{
	if (!dog.running)
		return;
	uv_mutex_lock(&dog.sleep);
	dog.stops = true;
	uv_cond_signal(&dog.wake);
	uv_mutex_unlock(&dog.sleep);
	uv_thread_join(&dog.thread);
	uv_cond_destroy(&dog.wake);
	uv_mutex_destroy(&dog.sleep);
	dog.running = false;
}
