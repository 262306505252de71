/* own_names.c -- a host that has functions of the same names as internal ones of the collector.
 *
 * Links only if the static library keeps its names to itself. It uses the library, so that its
 * objects are in the program at all.
 */
#include <stdio.h>
#include <trillium/trillium.h>

void fatal(const char *format, ...);
int lock_acquire(void);
int span_init(void);

void fatal(const char *format, ...)
{
    puts(format);
}

int lock_acquire(void)
{
    return 1;
}

int span_init(void)
{
    return 2;
}

int main(void)
{
    tri_heap *heap = NULL;
    if (tri_heap_create(&heap, NULL) != TRI_OK) {
        fatal("no heap");
        return 1;
    }
    tri_heap_destroy(heap);
    return lock_acquire() + span_init() == 3 ? 0 : 1;
}
