/* core.hash.password_hash and password_verify: argon2id (RFC 9106) with 19 MiB and two passes.
 *
 * One takes tens of milliseconds and its memory, so it runs in libuv's pool, at most two at once in
 * the process; up to 64 more wait, of one network at most 16, so that nobody keeps all others from
 * signing in. A job's work is put into the pool by the thread that wants it,
 * since a loop may be touched by its own thread only: when a place gets free, whoever leaves it
 * hands it to the job that has waited longest and wakes that job's loop. */
#include "script/task.h"
#include "text/password.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { AT_ONCE = 2, WAITING_MAX = 64, WAITING_OF_ONE = 16 };

struct job {
	struct task *task;
	struct job *next; /* among the waiting */
	uv_work_t work;
	uv_async_t turn; /* for one that waits: its place is free */
	char hash[PASSWORD_HASH_MAX];
	bool verify;
	int rc;
	char network[ATTEMPTS_NETWORK]; /* of the client; empty in commands */
	size_t len;
	char password[];
};

/* Shared by all threads, under its lock. */
static struct {
	pthread_mutex_t lock;
	unsigned running, waiting;
	struct job *first, *last;
} places = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void job_free(struct job *job)
{
	password_forget(job->password, job->len);
	free(job);
}

/* Hands the place to the next, if any. Under the lock, as the woken job may be over at once. */
static void place_leave(void)
{
	struct job *next;

	pthread_mutex_lock(&places.lock);
	next = places.first;
	if (next != NULL) {
		places.first = next->next;
		places.waiting--;
		uv_async_send(&next->turn);
	} else {
		places.running--;
	}
	pthread_mutex_unlock(&places.lock);
}

static void work(uv_work_t *request)
{
	struct job *job = request->data;

	if (job->verify)
		job->rc = password_verify(job->hash, job->password, job->len);
	else
		job->rc = password_hash(job->hash, job->password, job->len);
	place_leave();
}

static void work_done(uv_work_t *request, int status)
{
	struct job *job = request->data;
	struct task *task = job->task;

	(void)status; /* never cancelled */
	task->call.code = job->rc;
	buf_clear(&task->bytes);
	buf_puts(&task->bytes, job->hash);
	job_free(job);
	task_wake(task);
}

/* The job's turn has come: its own loop may put the work into the pool. */
static void start_work(struct job *job)
{
	int rc = uv_queue_work(job->task->state->host.loop, &job->work, work, work_done);

	assert(rc == 0); /* fails for a missing function only */
	(void)rc;
}

static void turn_closed(uv_handle_t *turn)
{
	start_work(turn->data);
}

static void turn_came(uv_async_t *turn)
{
	uv_close((uv_handle_t *)turn, turn_closed);
}

/* Whether the job's network has all the places that one may have. Under the lock. */
static bool is_greedy(const struct job *job)
{
	unsigned count = 0;

	for (const struct job *other = places.first; other != NULL; other = other->next)
		count += strcmp(other->network, job->network) == 0;
	return job->network[0] != '\0' && count >= WAITING_OF_ONE;
}

/* Joins the waiting. Under the lock: once others see the job, its `turn` must be ready. */
static int wait_turn(struct job *job)
{
	if (places.waiting == WAITING_MAX || is_greedy(job))
		return TM_EBUSY;
	if (uv_async_init(job->task->state->host.loop, &job->turn, turn_came) != 0)
		return TM_ENOMEM;
	job->turn.data = job;
	job->next = NULL;
	if (places.first != NULL)
		places.last->next = job;
	else
		places.first = job;
	places.last = job;
	places.waiting++;
	return 0;
}

/* Starts the job now or when its turn comes; refuses it when too many wait. */
static int job_submit(struct job *job)
{
	bool now;
	int rc = 0;

	pthread_mutex_lock(&places.lock);
	now = places.running < AT_ONCE;
	if (now)
		places.running++;
	else
		rc = wait_turn(job);
	pthread_mutex_unlock(&places.lock);
	if (now)
		start_work(job);
	return rc;
}

static struct job *job_new(struct task *task, const char *password, size_t len)
{
	struct job *job = calloc(1, sizeof *job + len);

	if (job == NULL)
		return NULL;
	job->task = task;
	job->work.data = job;
	job->len = len;
	if (task->request != NULL)
		attempts_network(task->request->client, job->network);
	memcpy(job->password, password, len);
	return job;
}

/* Lets the task wait for the job, which is freed once it is done. */
static int await_job(lua_State *L, struct job *job, lua_KFunction then)
{
	struct task *task = job->task;
	int rc;

	task_unit_leave(task);
	task_expect(task);
	rc = job_submit(job);
	if (rc != 0) {
		job_free(job);
		raise_failure(L, "busy", rc, "too many passwords are being checked");
	}
	return task_await(L, task, then);
}

static struct task *task_for_job(lua_State *L, const char *who)
{
	struct task *task = task_may_wait(L, who);

	if (task_writes(task))
		luaL_error(L, "%s belongs into handle: the lane never waits for it", who);
	return task;
}

static int after_hash(lua_State *L, int status, lua_KContext context)
{
	struct task *task = (struct task *)context;

	(void)status;
	if (task->call.code != 0)
		return raise_failure(L, "busy", TM_ENOMEM, "no memory to hash a password");
	lua_pushlstring(L, task->bytes.data, task->bytes.len);
	return 1;
}

static int hash_of(lua_State *L)
{
	struct task *task = task_for_job(L, "password_hash");
	size_t len;
	const char *password = luaL_checklstring(L, 1, &len);
	struct job *job = job_new(task, password, len);

	if (job == NULL)
		return luaL_error(L, "no memory to hash a password");
	return await_job(L, job, after_hash);
}

static int after_verify(lua_State *L, int status, lua_KContext context)
{
	struct task *task = (struct task *)context;

	(void)status;
	if (task->call.code == TM_ENOMEM)
		return raise_failure(L, "busy", TM_ENOMEM, "no memory to check a password");
	lua_pushboolean(L, task->call.code == 0);
	return 1;
}

static int is_password(lua_State *L)
{
	struct task *task = task_for_job(L, "password_verify");
	size_t hash_len, len;
	const char *hash = luaL_checklstring(L, 1, &hash_len);
	const char *password = luaL_checklstring(L, 2, &len);
	struct job *job;

	if (hash_len >= sizeof job->hash) {
		lua_pushboolean(L, false);
		return 1;
	}
	job = job_new(task, password, len);
	if (job == NULL)
		return luaL_error(L, "no memory to check a password");
	job->verify = true;
	memcpy(job->hash, hash, hash_len);
	return await_job(L, job, after_verify);
}

void bind_password(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"password_hash", hash_of},
		{"password_verify", is_password},
		{NULL, NULL},
	};

	luaL_setfuncs(L, functions, 0);
}
