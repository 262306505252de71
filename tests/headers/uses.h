/* uses.h -- each inline function and macro of the public headers, used once; compiled as C and as
 * C++ with optimization, because some warnings come only when the compiler has inlined. */
#include <trillium/debug.h>
#include <trillium/trillium.h>

#if !TRI_VERSION_AT_LEAST(0, 1, 0) || TRI_VERSION_AT_LEAST(1000, 0, 0)
#error "TRI_VERSION_AT_LEAST"
#endif

struct pair {
    tri_word value;
    tri_ref next;
};

tri_ref use_frames(tri_mutator *mutator, tri_type *type, unsigned depth);
void use_stores(tri_mutator *mutator, struct pair *pair, tri_ref reference);
tri_ref use_pool(tri_mutator *mutator, tri_pool *pool, tri_ref reference);
void use_descriptions(tri_heap *heap, tri_trace_function *trace, tri_type **types);
tri_ref use_weak(tri_mutator *mutator, tri_ref target);

tri_ref use_frames(tri_mutator *mutator, tri_type *type, unsigned depth)
{
    struct tri_frame_ *mark = tri_frames_save(mutator);
    TRI_FRAME(mutator, 2);
    TRI_LOCAL(0) = tri_alloc(mutator, type);
    tri_safepoint(mutator);
    for (unsigned i = 0; i < depth; i++) {
        TRI_FRAME(mutator, 1); /* hides the outer one */
        TRI_LOCAL(0) = tri_alloc(mutator, type);
    }
    TRI_LOCAL(1) = depth > 0 ? use_frames(mutator, type, depth - 1) : TRI_LOCAL(0);
    if (TRI_LOCAL(1) == TRI_NULL) {
        tri_frames_restore(mutator, mark);
    }
    return TRI_LOCAL(1);
}

void use_stores(tri_mutator *mutator, struct pair *pair, tri_ref reference)
{
    tri_init(mutator, &pair->value, 1);
    if (!tri_barrier_is_on(mutator)) {
        tri_store_unrecorded(mutator, &pair->value, 1);
    }
    tri_init_ref(mutator, &pair->next, reference);
    tri_store(mutator, &pair->value, (tri_word)reference);
    tri_store_ref(mutator, &pair->next, reference);
    tri_stored(mutator, pair, (tri_word)reference);
}

tri_ref use_pool(tri_mutator *mutator, tri_pool *pool, tri_ref reference)
{
    tri_pool_put(mutator, pool, reference);
    return tri_pool_get(mutator, pool);
}

void use_descriptions(tri_heap *heap, tri_trace_function *trace, tri_type **types)
{
    static const tri_field fields[] = {TRI_VALUE_AT(struct pair, value),
                                       TRI_POINTER_AT(struct pair, next)};
    const tri_encoding encodings[] = {TRI_ENCODING_RAW, TRI_ENCODING_LOW_TAG(7, 1),
                                      TRI_ENCODING_NAN_BOX((tri_word)0xffff << 48, 0)};
    tri_type_desc desc = TRI_TYPE_DESC("pair", struct pair);
    (void)tri_type_define(heap, &desc, &types[0]);
    desc.layout = TRI_LAYOUT_OF(fields);
    desc.layout.encoding = &encodings[1];
    desc.trailing_layout = TRI_LAYOUT(TRI_LAYOUT_CONSERVATIVE);
    (void)tri_type_define(heap, &desc, &types[1]);
    desc.layout = TRI_LAYOUT_TRACED_BY(trace);
    (void)tri_type_define(heap, &desc, &types[2]);
}

tri_ref use_weak(tri_mutator *mutator, tri_ref target)
{
    return tri_weak_get(mutator, tri_weak_new(mutator, target));
}
