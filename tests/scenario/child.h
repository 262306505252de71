/* child.h -- running something in a child process, to see it die and what it says. */
#ifndef TESTS_CHILD_H
#define TESTS_CHILD_H

#include <ctype.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/scenario/scenario.h"

struct outcome {
    int status; /* as of waitpid */
    char said[8192];
};

typedef void child_function(const void *argument);

static inline void child_read(int from, struct outcome *outcome)
{
    size_t length = 0;
    ssize_t count;
    while ((count = read(from, outcome->said + length, sizeof outcome->said - 1 - length)) > 0) {
        length += (size_t)count;
    }
    outcome->said[length] = '\0';
}

/* Call function in a child, which exits with 0 where it returns. What it writes to stderr is
 * kept. */
static inline struct outcome child_run(child_function *function, const void *argument)
{
    struct outcome outcome;
    int ends[2];
    MUST(pipe(ends) == 0);
    pid_t child = fork();
    MUST(child >= 0);
    if (child == 0) {
        struct rlimit none = {0, 0};
        (void)setrlimit(RLIMIT_CORE, &none);
        MUST(dup2(ends[1], STDERR_FILENO) >= 0);
        (void)close(ends[0]);
        (void)close(ends[1]);
        function(argument);
        _exit(0);
    }
    (void)close(ends[1]);
    child_read(ends[0], &outcome);
    (void)close(ends[0]);
    MUST(waitpid(child, &outcome.status, 0) == child);
    return outcome;
}

/* Whether text is pattern, in which {p} stands for an address as %p prints it, {n} for a number. */
static inline bool text_matches(const char *text, const char *pattern)
{
    for (; *pattern != '\0'; pattern++) {
        if (strncmp(pattern, "{p}", 3) == 0) {
            size_t length = strncmp(text, "(nil)", 5) == 0 ? 5 : 0;
            if (length == 0 && strncmp(text, "0x", 2) == 0) {
                length = 2 + strspn(text + 2, "0123456789abcdef");
            }
            if (length < 3) {
                return false;
            }
            text += length;
            pattern += 2;
        } else if (strncmp(pattern, "{n}", 3) == 0) {
            size_t length = strspn(text, "0123456789");
            if (length == 0) {
                return false;
            }
            text += length;
            pattern += 2;
        } else if (*text++ != *pattern) {
            return false;
        }
    }
    return *text == '\0';
}

/* The function must end its process by abort(), having said exactly this. */
static inline void expect_death(child_function *function, const void *argument, const char *pattern)
{
    struct outcome outcome = child_run(function, argument);
    ck_assert_msg(text_matches(outcome.said, pattern), "expected: %s\nsaid: %s", pattern,
                  outcome.said);
    ck_assert_msg(WIFSIGNALED(outcome.status) && WTERMSIG(outcome.status) == SIGABRT,
                  "status %#x after: %s", (unsigned)outcome.status, pattern);
}

/* The function must return, having said exactly this. */
static inline void expect_life(child_function *function, const void *argument, const char *pattern)
{
    struct outcome outcome = child_run(function, argument);
    ck_assert_msg(text_matches(outcome.said, pattern), "expected: %s\nsaid: %s", pattern,
                  outcome.said);
    ck_assert_msg(WIFEXITED(outcome.status) && WEXITSTATUS(outcome.status) == 0, "status %#x: %s",
                  (unsigned)outcome.status, outcome.said);
}

#endif
