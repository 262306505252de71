/* source.c -- reading a program from a file. */
#include "source.h"

#include <stdio.h>

#include "text.h"

char *source_read(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "Could not open file \"%s\".\n", path);
        return NULL;
    }
    struct text text = {NULL, 0, 0};
    char piece[4096];
    size_t count;
    while ((count = fread(piece, 1, sizeof(piece), file)) > 0) {
        text_append(&text, piece, count);
    }
    int failed = ferror(file);
    fclose(file);
    if (failed) {
        fprintf(stderr, "Could not read file \"%s\".\n", path);
        text_release(&text);
        return NULL;
    }
    text_append(&text, "", 1);
    return text.bytes;
}
