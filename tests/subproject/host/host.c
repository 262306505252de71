/* host.c -- the smallest host in C: a list that lives through a collection. */
#include <stdio.h>
#include <trillium/trillium.h>

struct cell {
    tri_word number;
    tri_ref next;
};

int main(void)
{
    static const tri_field fields[] = {TRI_POINTER_AT(struct cell, next)};
    tri_heap *heap;
    tri_mutator *mutator;
    tri_type *cell_type;
    tri_type_desc desc = TRI_TYPE_DESC("cell", struct cell);
    desc.layout = TRI_LAYOUT_OF(fields);

    if (tri_heap_create(&heap, NULL) != TRI_OK || tri_mutator_attach(heap, &mutator) != TRI_OK ||
        tri_type_define(heap, &desc, &cell_type) != TRI_OK) {
        return 1;
    }
    int sum = 0;
    {
        TRI_FRAME(mutator, 2);
        for (int i = 0; i < 1000; i++) {
            TRI_LOCAL(1) = tri_alloc(mutator, cell_type);
            struct cell *cell = TRI_LOCAL(1);
            cell->number = (tri_word)i;
            tri_store_ref(mutator, &cell->next, TRI_LOCAL(0));
            TRI_LOCAL(0) = cell;
        }
        tri_collect(mutator);
        for (const struct cell *cell = TRI_LOCAL(0); cell != NULL; cell = cell->next) {
            sum += (int)cell->number;
        }
    }
    tri_mutator_detach(mutator);
    tri_heap_destroy(heap);
    printf("Trillium %s: %d\n", TRI_VERSION, sum);
    return sum == 499500 ? 0 : 1;
}
