/* lock_test.c -- the order of locks is kept, and a thread that breaks it dies with both names. */
#include "gc/lock.h"

#include <pthread.h>
#include <string.h>

#include "tests/fake_port.h"
#include "tests/unit/unit.h"

START_TEST(names)
{
    ck_assert_str_eq(lock_rank_name(LOCK_CYCLE), "CYCLE");
    ck_assert_str_eq(lock_rank_name(LOCK_PAGES), "PAGES");
    ck_assert_str_eq(lock_rank_name(LOCK_LOG), "LOG");
    ck_assert_str_eq(lock_rank_name(LOCK_RANK_COUNT), "(no rank)");
}
END_TEST

START_TEST(all_ranks_downward)
{
    struct lock locks[LOCK_RANK_COUNT];
    for (int i = 0; i < LOCK_RANK_COUNT; i++) {
        lock_init(&locks[i], (enum lock_rank)i);
    }
    for (int i = 0; i < LOCK_RANK_COUNT; i++) {
        lock_acquire(&locks[i]);
        lock_assert_held(&locks[i]);
    }
    /* Released in an order of its own: 0, 3, 6, 1, 4, 7, ... */
    for (int start = 0; start < 3; start++) {
        for (int i = start; i < LOCK_RANK_COUNT; i += 3) {
            lock_release(&locks[i]);
        }
    }
    /* Nothing is held any more, so the first rank can be taken again. */
    lock_acquire(&locks[0]);
    lock_release(&locks[0]);
    for (int i = 0; i < LOCK_RANK_COUNT; i++) {
        lock_destroy(&locks[i]);
    }
}
END_TEST

START_TEST(try_fails_while_another_holds)
{
    struct lock lock;
    lock_init(&lock, LOCK_PAGES);
    port_mutex_lock(&lock.mutex); /* another thread */
    ck_assert(!lock_try_acquire(&lock));
    port_mutex_unlock(&lock.mutex);
    ck_assert(lock_try_acquire(&lock));
    lock_assert_held(&lock);
    lock_release(&lock);
    lock_destroy(&lock);
}
END_TEST

static struct lock *waited_for;
static bool condition_holds;

/* What another thread does meanwhile. That it can take the lock shows that the waiter does not
 * hold it: neither the mutex nor, which would be fatal here, its entry in the held list. */
static void make_condition_hold(port_cond *cond, port_mutex *mutex)
{
    (void)cond;
    ck_assert_ptr_eq(mutex, &waited_for->mutex);
    lock_acquire(waited_for);
    condition_holds = true;
    lock_release(waited_for);
}

static unsigned broadcasts;

static void count_broadcast(port_cond *cond)
{
    (void)cond;
    broadcasts++;
}

START_TEST(conditions)
{
    struct lock outer;
    struct lock lock;
    struct condition condition;
    lock_init(&outer, LOCK_CYCLE);
    lock_init(&lock, LOCK_MARK);
    condition_init(&condition);
    waited_for = &lock;
    condition_holds = false;
    fake_port_hooks()->cond_wait = make_condition_hold;
    fake_port_hooks()->cond_broadcast = count_broadcast;
    lock_acquire(&outer);
    lock_acquire(&lock);
    while (!condition_holds) {
        condition_wait(&condition, &lock);
    }
    lock_assert_held(&lock);
    lock_assert_held(&outer);
    condition_broadcast(&condition);
    ck_assert_uint_eq(broadcasts, 1);
    lock_release(&lock);
    lock_release(&outer);
    condition_destroy(&condition);
    lock_destroy(&lock);
    lock_destroy(&outer);
}
END_TEST

/* Somebody else makes it hold; else the time passes. */
START_TEST(conditions_for_a_while)
{
    struct lock lock;
    struct condition condition;
    lock_init(&lock, LOCK_SWEEP);
    condition_init(&condition);
    lock_acquire(&lock);
    unsigned waits = 0;
    while (port_now_ns() < 5000) {
        condition_wait_for(&condition, &lock, 5000 - port_now_ns());
        waits++;
    }
    ck_assert_uint_eq(waits, 1);
    lock_assert_held(&lock);
    lock_release(&lock);
    condition_destroy(&condition);
    lock_destroy(&lock);
}
END_TEST

#if TRI_CHECKS >= 1

static void acquire(void *lock)
{
    lock_acquire(lock);
}

static void try_to_acquire(void *lock)
{
    ck_assert(lock_try_acquire(lock));
}

static void release(void *lock)
{
    lock_release(lock);
}

static void assert_held(void *lock)
{
    lock_assert_held(lock);
}

static void destroy(void *lock)
{
    lock_destroy(lock);
}

static void wait_for_condition(void *lock)
{
    struct condition condition; /* not even looked at */
    condition_wait(&condition, lock);
}

static void wait_for_a_while(void *lock)
{
    struct condition condition; /* not even looked at */
    condition_wait_for(&condition, lock, 0);
}

/* function(lock) dies with a message that has want in it. */
static void expect_death(void (*function)(void *), struct lock *lock, const char *want)
{
    const char *message = fake_port_death_of(function, lock);
    ck_assert_ptr_nonnull(message);
    ck_assert_msg(strstr(message, want) != NULL, "%s", message);
}

START_TEST(every_pair_of_ranks)
{
    for (int held = 0; held < LOCK_RANK_COUNT; held++) {
        for (int wanted = 0; wanted < LOCK_RANK_COUNT; wanted++) {
            for (int by_try = 0; by_try < 2; by_try++) {
                struct lock a;
                struct lock b;
                lock_init(&a, (enum lock_rank)held);
                lock_init(&b, (enum lock_rank)wanted);
                lock_acquire(&a);
                void (*take)(void *) = by_try ? try_to_acquire : acquire;
                if (held < wanted) {
                    take(&b);
                    lock_release(&b);
                } else {
                    char want[128];
                    (void)snprintf(want, sizeof want, "lock %s is taken while lock %s is held",
                                   lock_rank_name((enum lock_rank)wanted),
                                   lock_rank_name((enum lock_rank)held));
                    expect_death(take, &b, want);
                }
                lock_release(&a);
                lock_destroy(&a);
                lock_destroy(&b);
            }
        }
    }
}
END_TEST

START_TEST(the_last_taken_counts)
{
    struct lock roots;
    struct lock pages;
    struct lock mark;
    lock_init(&roots, LOCK_ROOTS);
    lock_init(&mark, LOCK_MARK);
    lock_init(&pages, LOCK_PAGES);
    lock_acquire(&roots);
    lock_acquire(&pages);
    lock_release(&roots); /* what is left is PAGES */
    expect_death(acquire, &mark, "lock MARK is taken while lock PAGES is held");
    lock_release(&pages);
    lock_acquire(&mark);
    lock_release(&mark);
    lock_destroy(&roots);
    lock_destroy(&mark);
    lock_destroy(&pages);
}
END_TEST

/* [lock.3]: whoever has said that it takes none dies, also where the lock is free, and by a try. */
START_TEST(forbidden)
{
    struct lock lock;
    lock_init(&lock, LOCK_META);
    locks_forbid();
    const char *want = "lock META is taken by a thread that may be off its processor for long";
    expect_death(acquire, &lock, want);
    expect_death(try_to_acquire, &lock, want);
    locks_allow();
    lock_acquire(&lock);
    lock_release(&lock);
    lock_destroy(&lock);
}
END_TEST

START_TEST(not_held)
{
    struct lock lock;
    struct lock other;
    lock_init(&lock, LOCK_SWEEP);
    lock_init(&other, LOCK_LOG);
    lock_acquire(&other);
    const char *want = "lock SWEEP should be held by this thread and is not";
    expect_death(assert_held, &lock, want);
    expect_death(release, &lock, want);
    expect_death(wait_for_condition, &lock, want);
    expect_death(wait_for_a_while, &lock, want);
    lock_release(&other);
    lock_destroy(&other);
    lock_destroy(&lock);
}
END_TEST

START_TEST(wait_with_a_lower_lock)
{
    struct lock lock;
    struct lock lower;
    lock_init(&lock, LOCK_MARK);
    lock_init(&lower, LOCK_META);
    lock_acquire(&lock);
    lock_acquire(&lower);
    expect_death(wait_for_condition, &lock,
                 "a condition of lock MARK is waited for while lock META is held");
    expect_death(wait_for_a_while, &lock,
                 "a condition of lock MARK is waited for while lock META is held");
    lock_release(&lower);
    lock_release(&lock);
    lock_destroy(&lower);
    lock_destroy(&lock);
}
END_TEST

START_TEST(not_alive)
{
    struct lock lock;
    memset(&lock, 0, sizeof lock);
    const char *want = "before lock_init or after lock_destroy";
    expect_death(acquire, &lock, want);
    lock_init(&lock, LOCK_ROOTS);
    lock_acquire(&lock);
    lock_release(&lock);
    lock_destroy(&lock);
    expect_death(acquire, &lock, want);
    expect_death(destroy, &lock, want);
}
END_TEST

static void *take_cycle(void *argument)
{
    struct lock *lock = argument;
    lock_acquire(lock);
    lock_release(lock);
    return NULL;
}

/* What this thread holds is nothing to another one. */
START_TEST(each_thread_has_its_list)
{
    struct lock cycle;
    struct lock log;
    lock_init(&cycle, LOCK_CYCLE);
    lock_init(&log, LOCK_LOG);
    lock_acquire(&log);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, take_cycle, &cycle), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    lock_assert_held(&log);
    lock_release(&log);
    lock_destroy(&log);
    lock_destroy(&cycle);
}
END_TEST

#endif

int main(void)
{
    Suite *suite = suite_create("lock");
    TCase *cases = tcase_create("lock");
    tcase_add_checked_fixture(cases, fake_port_reset, fake_port_finish);
    tcase_add_test(cases, names);
    tcase_add_test(cases, all_ranks_downward);
    tcase_add_test(cases, try_fails_while_another_holds);
    tcase_add_test(cases, conditions);
    tcase_add_test(cases, conditions_for_a_while);
#if TRI_CHECKS >= 1
    tcase_add_test(cases, every_pair_of_ranks);
    tcase_add_test(cases, the_last_taken_counts);
    tcase_add_test(cases, forbidden);
    tcase_add_test(cases, not_held);
    tcase_add_test(cases, wait_with_a_lower_lock);
    tcase_add_test(cases, not_alive);
    tcase_add_test(cases, each_thread_has_its_list);
#endif
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
