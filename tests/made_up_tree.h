/* made_up_tree.h -- files below a temporary directory, which stands for the system's root. */
#ifndef TESTS_MADE_UP_TREE_H
#define TESTS_MADE_UP_TREE_H

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct tree {
    char root[64];
};

static inline struct tree tree_new(void)
{
    struct tree tree = {.root = "/tmp/trillium-test-XXXXXX"};
    ck_assert_ptr_nonnull(mkdtemp(tree.root));
    return tree;
}

static inline int tree_remove_one(const char *path, const struct stat *stat, int kind,
                                  struct FTW *walk)
{
    (void)stat;
    (void)kind;
    (void)walk;
    return remove(path);
}

static inline void tree_remove(const struct tree *tree)
{
    ck_assert_int_eq(nftw(tree->root, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* Write a file, with the directories that lead to it. */
static inline void tree_write_bytes(const struct tree *tree, const char *name, const void *content,
                                    size_t bytes)
{
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/%s", tree->root, name);
    ck_assert_int_lt(length, (int)sizeof path);
    for (char *slash = strchr(path + strlen(tree->root) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0755);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    ck_assert_msg(file != NULL, "cannot write %s", path);
    ck_assert_uint_eq(fwrite(content, 1, bytes, file), bytes);
    ck_assert_int_eq(fclose(file), 0);
}

static inline void tree_write(const struct tree *tree, const char *name, const char *content)
{
    tree_write_bytes(tree, name, content, strlen(content));
}

#endif
