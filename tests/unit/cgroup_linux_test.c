/* cgroup_linux_test.c -- limits of containers, by made-up trees of files. */
#include "runtime/cgroup_linux.h"

#include <errno.h>
#include <pthread.h>

#include "tests/made_up_tree.h"
#include "tests/unit/unit.h"

#define FILES_MAX 12

/* A file of the tree; content NULL: a directory. */
struct made_up_file {
    const char *name;
    const char *content;
};

struct made_up_container {
    const char *what;
    struct made_up_file files[FILES_MAX]; /* to the first without a name */
    uint64_t memory_bytes;
    double processors;
};

#define NONE   CGROUP_NO_LIMIT
#define GROUP  "proc/self/cgroup"
#define MOUNTS "proc/self/mountinfo"

/* A line of mountinfo for a hierarchy of version 2 or 1. */
#define V2(root, point)          "29 23 0:26 " root " " point " rw shared:4 - cgroup2 cgroup2 rw\n"
#define V1(root, point, options) "31 23 0:28 " root " " point " rw - cgroup cgroup rw," options "\n"
#define OTHERS                                                                                     \
    "23 1 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw,errors=remount-ro\n"                    \
    "24 23 0:21 / /proc rw - proc proc rw\n"

#define UNIFIED_AT_ROOT                                                                            \
    {                                                                                              \
        MOUNTS, OTHERS V2("/", "/sys/fs/cgroup")                                                   \
    }
#define V1_AT_ROOT                                                                                 \
    {                                                                                              \
        MOUNTS, OTHERS V1("/", "/sys/fs/cgroup/memory", "memory")                                  \
                    V1("/", "/sys/fs/cgroup/cpu,cpuacct", "cpu,cpuacct")                           \
    }

static const struct made_up_container containers[] = {
    {"nothing at all", {{NULL, NULL}}, NONE, 0},
    {"no mounts", {{GROUP, "0::/a\n"}}, NONE, 0},
    {"no groups", {UNIFIED_AT_ROOT, {"sys/fs/cgroup/memory.max", "1000\n"}}, NONE, 0},

    {"version 2: the namespace's root",
     {{GROUP, "0::/\n"},
      UNIFIED_AT_ROOT,
      {"sys/fs/cgroup/memory.max", "536870912\n"},
      {"sys/fs/cgroup/memory.high", "max\n"},
      {"sys/fs/cgroup/cpu.max", "150000 100000\n"}},
     536870912,
     1.5},
    {"version 2: no limits",
     {{GROUP, "0::/a\n"},
      UNIFIED_AT_ROOT,
      {"sys/fs/cgroup/a/memory.max", "max\n"},
      {"sys/fs/cgroup/a/memory.high", "max\n"},
      {"sys/fs/cgroup/a/cpu.max", "max 100000\n"}},
     NONE,
     0},
    {"version 2: high is tighter than max",
     {{GROUP, "0::/a\n"},
      UNIFIED_AT_ROOT,
      {"sys/fs/cgroup/a/memory.max", "3000000\n"},
      {"sys/fs/cgroup/a/memory.high", "2000000\n"}},
     2000000,
     0},
    {"version 2: the tightest of nested groups is in the middle",
     {{GROUP, "0::/a/b/c\n"},
      UNIFIED_AT_ROOT,
      {"sys/fs/cgroup/a/memory.max", "3000000\n"},
      {"sys/fs/cgroup/a/cpu.max", "50000 100000\n"},
      {"sys/fs/cgroup/a/b/memory.max", "1000000\n"},
      {"sys/fs/cgroup/a/b/cpu.max", "max 100000\n"},
      {"sys/fs/cgroup/a/b/c/memory.max", "2000000\n"},
      {"sys/fs/cgroup/a/b/c/cpu.max", "200000 100000\n"}},
     1000000,
     0.5},
    {"version 2: only the mount point limits",
     {{GROUP, "0::/a/b\n"},
      UNIFIED_AT_ROOT,
      {"sys/fs/cgroup/memory.max", "4000000\n"},
      {"sys/fs/cgroup/a/b/memory.max", "max\n"}},
     4000000,
     0},
    {"version 2: what lies above the mount point, or beside the group, is nobody's",
     {{GROUP, "0::/a\n"},
      UNIFIED_AT_ROOT,
      {"sys/fs/memory.max", "1000\n"},
      {"sys/fs/cgroup/b/memory.max", "1000\n"},
      {"sys/fs/cgroup/a/c/memory.max", "1000\n"},
      {"sys/fs/cgroup/ab/memory.max", "1000\n"},
      {"sys/fs/cgroup/a/memory.max", "5000000\n"}},
     5000000,
     0},
    {"version 2: as systemd lays it out",
     {{GROUP, "0::/system.slice/app.service\n"},
      UNIFIED_AT_ROOT,
      {"sys/fs/cgroup/system.slice/memory.max", "max\n"},
      {"sys/fs/cgroup/system.slice/app.service/memory.high", "750000000\n"},
      {"sys/fs/cgroup/system.slice/app.service/memory.max", "800000000\n"},
      {"sys/fs/cgroup/system.slice/app.service/cpu.max", "20000 100000\n"}},
     750000000,
     0.2},
    {"version 2: Docker with the host's namespace, the mount cut to the container",
     {{GROUP, "0::/docker/0123abcd/sub\n"},
      {MOUNTS, OTHERS V2("/docker/0123abcd", "/sys/fs/cgroup")},
      {"sys/fs/cgroup/memory.max", "900000\n"},
      {"sys/fs/cgroup/sub/memory.max", "800000\n"},
      {"sys/fs/cgroup/sub/cpu.max", "300000 100000\n"}},
     800000,
     3},
    {"version 2: the host's path, and a mount point that is the container without saying so",
     {{GROUP, "0::/kubepods/pod1/0123abcd\n"},
      UNIFIED_AT_ROOT,
      {"sys/fs/cgroup/memory.max", "900000\n"},
      {"sys/fs/cgroup/cpu.max", "10000 100000\n"}},
     900000,
     0.1},
    {"version 2: as before, in a group of the container's own",
     {{GROUP, "0::/kubepods/pod1/0123abcd/sub\n"},
      UNIFIED_AT_ROOT,
      {"sys/fs/cgroup/memory.max", "900000\n"},
      {"sys/fs/cgroup/sub/memory.max", "700000\n"}},
     700000,
     0},
    {"version 2: the mount's root is no part of the path",
     {{GROUP, "0::/elsewhere\n"},
      {MOUNTS, OTHERS V2("/docker/0123abcd", "/sys/fs/cgroup")},
      {"sys/fs/cgroup/memory.max", "900000\n"}},
     900000,
     0},
    {"version 2: a mount that shows the group wins over one that shows another",
     {{GROUP, "0::/a\n"},
      {MOUNTS, V2("/b", "/mnt/b") V2("/", "/sys/fs/cgroup")},
      {"mnt/b/memory.max", "1000\n"},
      {"sys/fs/cgroup/a/memory.max", "5000000\n"}},
     5000000,
     0},
    {"version 2: a prefix of the name is not the group",
     {{GROUP, "0::/docker-2/x\n"},
      {MOUNTS, V2("/docker", "/mnt/docker") V2("/docker-2", "/mnt/docker-2")},
      {"mnt/docker/memory.max", "1000\n"},
      {"mnt/docker-2/x/memory.max", "5000000\n"}},
     5000000,
     0},
    {"version 2: a group outside of the namespace",
     {{GROUP, "0::/../../other\n"},
      UNIFIED_AT_ROOT,
      {"sys/other/memory.max", "1000\n"},
      {"sys/fs/cgroup/memory.max", "900000\n"}},
     900000,
     0},
    {"version 2: escapes, blanks and colons in paths",
     {{GROUP, "0::/my group:1\n"},
      {MOUNTS, OTHERS V2("/", "/mnt/c\\040group\\134s")},
      {"mnt/c group\\s/my group:1/memory.max", "123456\n"}},
     123456,
     0},
    {"version 2: no optional fields, several optional fields",
     {{GROUP, "0::/a\n"},
      {MOUNTS, "29 23 0:26 / /x rw - tmpfs tmpfs rw\n"
               "30 23 0:26 / /y rw shared:1 master:2 propagate_from:3 unbindable - cgroup2 c rw\n"},
      {"x/a/memory.max", "1000\n"},
      {"y/a/memory.max", "2000\n"}},
     2000,
     0},
    {"version 2: a mount without a source, a last line without an end",
     {{GROUP, "0::/a"},
      {MOUNTS, "30 23 0:26 / /y rw - cgroup2  rw"},
      {"y/a/memory.max", "2000"},
      {"y/a/cpu.max", "25000 100000"}},
     2000,
     0.25},
    {"version 2: the group was removed, one above it is there",
     {{GROUP, "0::/a/b (deleted)\n"}, UNIFIED_AT_ROOT, {"sys/fs/cgroup/a/memory.max", "2000\n"}},
     2000,
     0},
    {"version 2: a quota below the least",
     {{GROUP, "0::/\n"}, UNIFIED_AT_ROOT, {"sys/fs/cgroup/cpu.max", "1000 1000000\n"}},
     NONE,
     0.01},

    {"version 1: memory and cpu of different groups",
     {{GROUP, "12:cpuset:/\n4:memory:/m/n\n3:cpu,cpuacct:/c\n1:name=systemd:/x\n"},
      V1_AT_ROOT,
      {"sys/fs/cgroup/memory/m/memory.limit_in_bytes", "2000000\n"},
      {"sys/fs/cgroup/memory/m/n/memory.limit_in_bytes", "9223372036854771712\n"},
      {"sys/fs/cgroup/memory/m/n/memory.soft_limit_in_bytes", "1000\n"},
      {"sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_quota_us", "250000\n"},
      {"sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_period_us", "100000\n"}},
     2000000,
     2.5},
    {"version 1: no limits",
     {{GROUP, "4:memory:/\n3:cpu,cpuacct:/\n"},
      V1_AT_ROOT,
      {"sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854710272\n"},
      {"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n"},
      {"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"}},
     NONE,
     0},
    {"version 1: a quota without a period, a period without a quota",
     {{GROUP, "3:cpu,cpuacct:/a\n"},
      V1_AT_ROOT,
      {"sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "1000\n"},
      {"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"}},
     NONE,
     0},
    {"version 1: Docker, the mounts cut to the container",
     {{GROUP, "4:memory:/docker/0123abcd\n3:cpuacct,cpu:/docker/0123abcd\n"},
      {MOUNTS, V1("/docker/0123abcd", "/sys/fs/cgroup/memory", "memory")
                   V1("/docker/0123abcd", "/sys/fs/cgroup/cpu", "cpuacct,cpu")},
      {"sys/fs/cgroup/memory/memory.limit_in_bytes", "268435456\n"},
      {"sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n"},
      {"sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}},
     268435456,
     0.5},
    {"version 1: both controllers in one hierarchy",
     {{GROUP, "2:cpu,memory:/a\n"},
      {MOUNTS, V1("/", "/cg", "cpu,memory")},
      {"cg/a/memory.limit_in_bytes", "7000\n"},
      {"cg/a/cpu.cfs_quota_us", "400000\n"},
      {"cg/a/cpu.cfs_period_us", "100000\n"}},
     7000,
     4},
    {"version 1: cpuset and cpuacct are not cpu",
     {{GROUP, "5:cpuset:/a\n6:cpuacct:/a\n7:memory_recursive:/a\n"},
      {MOUNTS, V1("/", "/cg", "cpuset") V1("/", "/cg", "cpuacct") V1("/", "/cg", "memory")},
      {"cg/a/memory.limit_in_bytes", "7000\n"},
      {"cg/a/cpu.cfs_quota_us", "400000\n"},
      {"cg/a/cpu.cfs_period_us", "100000\n"}},
     NONE,
     0},

    {"hybrid: memory is of version 1, the unified hierarchy has no controllers",
     {{GROUP, "4:memory:/m\n1:name=systemd:/m\n0::/m\n"},
      {MOUNTS, V1("/", "/sys/fs/cgroup/memory", "memory") V2("/", "/sys/fs/cgroup/unified")},
      {"sys/fs/cgroup/memory/m/memory.limit_in_bytes", "6000000\n"},
      {"sys/fs/cgroup/unified/m/cgroup.procs", "1\n"}},
     6000000,
     0},
    {"hybrid: memory is of version 1, cpu of version 2",
     {{GROUP, "4:memory:/m\n0::/u\n"},
      {MOUNTS, V2("/", "/sys/fs/cgroup/unified") V1("/", "/sys/fs/cgroup/memory", "memory")},
      {"sys/fs/cgroup/memory/m/memory.limit_in_bytes", "6000000\n"},
      {"sys/fs/cgroup/unified/u/cpu.max", "75000 50000\n"}},
     6000000,
     1.5},
    {"hybrid: the tighter of both",
     {{GROUP, "4:memory:/m\n0::/u\n"},
      {MOUNTS, V2("/", "/sys/fs/cgroup/unified") V1("/", "/sys/fs/cgroup/memory", "memory")},
      {"sys/fs/cgroup/memory/m/memory.limit_in_bytes", "6000000\n"},
      {"sys/fs/cgroup/unified/u/memory.max", "5000000\n"}},
     5000000,
     0},

    {"nonsense: limits",
     {{GROUP, "0::/a\n"},
      UNIFIED_AT_ROOT,
      {"sys/fs/cgroup/a/memory.max", "12x\n"},
      {"sys/fs/cgroup/a/memory.high", "-5\n"},
      {"sys/fs/cgroup/a/cpu.max", "5 \n"},
      {"sys/fs/cgroup/memory.max", "99999999999999999999999999\n"},
      {"sys/fs/cgroup/memory.high", "0\n"},
      {"sys/fs/cgroup/cpu.max", "1000 0\n"}},
     NONE,
     0},
    {"nonsense: empty files",
     {{GROUP, "0::/a\n"},
      UNIFIED_AT_ROOT,
      {"sys/fs/cgroup/a/memory.max", ""},
      {"sys/fs/cgroup/a/memory.high", "\n"},
      {"sys/fs/cgroup/a/cpu.max", ""}},
     NONE,
     0},
    {"nonsense: directories in place of files",
     {{GROUP, "0::/a\n"},
      UNIFIED_AT_ROOT,
      {"sys/fs/cgroup/a/memory.max/x", ""},
      {"sys/fs/cgroup/a/cpu.max/x", ""},
      {"sys/fs/cgroup/memory.max", "3000\n"}},
     3000,
     0},
    {"nonsense: groups",
     {{GROUP, "\n:\n::\n0\n0:\n0::\n0::a\n::/a\nx:memory\n"},
      UNIFIED_AT_ROOT,
      {"sys/fs/cgroup/a/memory.max", "3000\n"},
      {"sys/fs/cgroup/memory.max", "3000\n"}},
     NONE,
     0},
    {"nonsense: mounts",
     {{GROUP, "0::/a\n4:memory:/a\n"},
      {MOUNTS, "\n \n- cgroup2\n1 2 3 / /cg rw cgroup2 cgroup2 rw\n1 2 3 / /cg rw -\n"
               "1 2 3 / /cg rw - cgroup\n1 2 3 / /cg rw - cgroup x\n"
               "1 2 3 / /cg rw - cgroup3 cgroup rw,memory\n"},
      {"cg/a/memory.max", "3000\n"},
      {"cg/a/memory.limit_in_bytes", "3000\n"}},
     NONE,
     0},
};

static void write_files(const struct tree *tree, const struct made_up_container *container)
{
    for (size_t i = 0; i < FILES_MAX && container->files[i].name != NULL; i++) {
        tree_write(tree, container->files[i].name, container->files[i].content);
    }
}

START_TEST(limits_of_made_up_containers)
{
    const struct made_up_container *container = &containers[_i];
    struct tree tree = tree_new();
    write_files(&tree, container);
    errno = EDOM;
    struct cgroup_limits limits = cgroup_read(tree.root);
    ck_assert_int_eq(errno, EDOM); /* [cgroup_linux.2] */
    ck_assert_msg(limits.memory_bytes == container->memory_bytes, "%s: memory %" PRIu64,
                  container->what, limits.memory_bytes);
    ck_assert_msg(limits.processors == container->processors, "%s: processors %f", container->what,
                  limits.processors);
    tree_remove(&tree);
}
END_TEST

/* ---- Lines that are longer than what is read at a time --------------------------------------- */

static char *long_text(const char *begin, size_t length, const char *end)
{
    size_t begin_length = strlen(begin);
    size_t bytes = begin_length + length + strlen(end) + 1;
    char *text = malloc(bytes);
    ck_assert_ptr_nonnull(text);
    memcpy(text, begin, begin_length);
    memset(text + begin_length, 'x', length);
    memcpy(text + begin_length + length, end, strlen(end) + 1);
    return text;
}

/* Around each size at which a line just fills what is read, and far beyond it. */
START_TEST(lines_of_any_length)
{
    static const size_t lengths[] = {1,    1000, 4030, 4060, 4070, 4080, 4090, 4094,
                                     4095, 4096, 4097, 5000, 8191, 8192, 8193, 100000};
    struct tree tree = tree_new();
    char *mounts = long_text("23 1 8:1 / /", lengths[_i],
                             " rw - ext4 /dev/root rw\n" V2("/", "/sys/fs/cgroup"));
    char *groups = long_text("1:name=", lengths[_i], ":/\n0::/a\n");
    tree_write(&tree, GROUP, groups);
    tree_write(&tree, MOUNTS, mounts);
    tree_write(&tree, "sys/fs/cgroup/a/memory.max", "1234567\n");
    ck_assert_uint_eq(cgroup_read(tree.root).memory_bytes, 1234567);
    /* A path that nobody has room for names no group. */
    free(groups);
    groups = long_text("0::/", lengths[_i], "\n");
    tree_write(&tree, GROUP, groups);
    ck_assert_uint_eq(cgroup_read(tree.root).memory_bytes, NONE);
    free(groups);
    free(mounts);
    tree_remove(&tree);
}
END_TEST

/* ---- Rubbish --------------------------------------------------------------------------------- */

/* Text by pieces that a parser may stumble over, and random bytes. */
static size_t write_rubbish(uint64_t *seed, char *text, size_t room)
{
    static const char *const pieces[] = {"0::/a\n",
                                         "4:memory:/a",
                                         "memory",
                                         "cpu",
                                         ",",
                                         ":",
                                         " - ",
                                         "cgroup2",
                                         "cgroup ",
                                         "/",
                                         "/a/b",
                                         "\n",
                                         "\\040",
                                         "\\0",
                                         "\\777",
                                         "/..",
                                         "18446744073709551616",
                                         "100000 ",
                                         "max",
                                         "-1",
                                         " ",
                                         "/sys/fs/cgroup",
                                         "29 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
                                         "31 23 0:28 / /cg rw - cgroup cgroup rw,memory,cpu\n"};
    size_t length = 0;
    uint64_t parts = unit_random_below(seed, 40);
    for (uint64_t i = 0; i < parts; i++) {
        uint64_t choice = unit_random_below(seed, sizeof pieces / sizeof pieces[0] + 2);
        size_t bytes = 1;
        char byte = (char)unit_random(seed);
        const char *piece = &byte;
        if (choice < sizeof pieces / sizeof pieces[0]) {
            piece = pieces[choice];
            bytes = strlen(piece);
        }
        if (length + bytes > room) {
            break;
        }
        memcpy(text + length, piece, bytes);
        length += bytes;
    }
    return length;
}

/* Whatever the files say, there is an answer, and it is one that a heap can live with. The trees
 * hold limits of 1 MB and half a processor, so that some are found. */
START_TEST(rubbish_is_survived)
{
    static const char *const names[] = {GROUP,
                                        MOUNTS,
                                        "sys/fs/cgroup/a/memory.max",
                                        "sys/fs/cgroup/a/cpu.max",
                                        "sys/fs/cgroup/memory.high",
                                        "cg/a/memory.limit_in_bytes",
                                        "cg/a/cpu.cfs_quota_us"};
    uint64_t seed = unit_seed();
    unsigned found = 0;
    struct tree tree = tree_new();
    for (unsigned round = 0; round < 1000; round++) {
        char text[4096];
        tree_write(&tree, GROUP, "0::/a\n4:memory,cpu:/a\n");
        tree_write(&tree, MOUNTS, V2("/", "/sys/fs/cgroup") V1("/", "/cg", "memory,cpu"));
        tree_write(&tree, "sys/fs/cgroup/a/memory.max", "1000000\n");
        tree_write(&tree, "cg/a/cpu.cfs_quota_us", "50000\n");
        tree_write(&tree, "cg/a/cpu.cfs_period_us", "100000\n");
        for (unsigned i = 0; i < 2; i++) {
            size_t bytes = write_rubbish(&seed, text, sizeof text);
            const char *name = names[unit_random_below(&seed, sizeof names / sizeof names[0])];
            tree_write_bytes(&tree, name, text, bytes);
        }
        struct cgroup_limits limits = cgroup_read(tree.root);
        ck_assert_uint_gt(limits.memory_bytes, 0);
        ck_assert(limits.memory_bytes == NONE || limits.memory_bytes < UINT64_C(1) << 60);
        ck_assert(limits.processors == 0 || limits.processors >= 0.01);
        found += limits.memory_bytes == 1000000;
    }
    ck_assert_uint_gt(found, 0);
    tree_remove(&tree);
}
END_TEST

/* ---- The real system ------------------------------------------------------------------------- */

/* A thread that has been cancelled finishes its look, and leaves no file open. [cgroup_linux.2] */
static void *read_when_cancelled(void *argument)
{
    struct cgroup_limits *limits = argument;
    (void)pthread_cancel(pthread_self());
    struct cgroup_limits found = cgroup_read("");
    *limits = found;
    pthread_testcancel();
    return NULL;
}

START_TEST(the_system_itself_can_be_read)
{
    struct cgroup_limits limits = {.memory_bytes = 0, .processors = -1.0};
    pthread_t thread;
    void *result;
    int before = dup(STDOUT_FILENO);
    (void)close(before);
    ck_assert_int_eq(pthread_create(&thread, NULL, read_when_cancelled, &limits), 0);
    ck_assert_int_eq(pthread_join(thread, &result), 0);
    ck_assert_ptr_eq(result, PTHREAD_CANCELED);
    ck_assert_uint_gt(limits.memory_bytes, 0);
    ck_assert(limits.processors == 0 || limits.processors >= 0.01);
    int after = dup(STDOUT_FILENO);
    (void)close(after);
    ck_assert_int_eq(after, before); /* the lowest that is free */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cgroup_linux");
    TCase *all = tcase_create("all");
    tcase_add_loop_test(all, limits_of_made_up_containers, 0,
                        (int)(sizeof containers / sizeof containers[0]));
    tcase_add_loop_test(all, lines_of_any_length, 0, 16);
    tcase_add_test(all, rubbish_is_survived);
    tcase_add_test(all, the_system_itself_can_be_read);
    suite_add_tcase(suite, all);
    return unit_run(suite);
}
