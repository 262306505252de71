/* host.cpp -- the smallest host in C++17: an array that lives through a collection. */
#include <cstdio>
#include <string_view>
#include <trillium/trillium.h>

namespace
{

struct Box {
    tri_word number;
};

constexpr std::size_t boxes = 1000;

} // namespace

int main()
{
    tri_heap_options options;
    tri_heap_options_init(&options);
    options.gc_percent = 50;

    tri_heap *heap = nullptr;
    tri_mutator *mutator = nullptr;
    tri_type *box_type = nullptr;
    tri_type *slot_type = nullptr;
    const tri_type_desc box_desc = TRI_TYPE_DESC("Box", Box);
    tri_type_desc slot_desc = TRI_TYPE_DESC("slot", tri_ref);
    slot_desc.layout = TRI_LAYOUT(TRI_LAYOUT_ALL_WORDS);

    if (tri_heap_create(&heap, &options) != TRI_OK ||
        tri_mutator_attach(heap, &mutator) != TRI_OK ||
        tri_type_define(heap, &box_desc, &box_type) != TRI_OK ||
        tri_type_define(heap, &slot_desc, &slot_type) != TRI_OK) {
        return 1;
    }
    std::size_t sum = 0;
    {
        TRI_FRAME(mutator, 1);
        TRI_LOCAL(0) = tri_alloc_array(mutator, slot_type, boxes);
        for (std::size_t i = 0; i < boxes; i++) {
            auto *box = static_cast<Box *>(tri_alloc(mutator, box_type));
            box->number = i;
            tri_store_ref(mutator, static_cast<tri_ref *>(TRI_LOCAL(0)) + i, box);
        }
        tri_collect(mutator);
        for (std::size_t i = 0; i < boxes; i++) {
            sum += static_cast<Box *>(static_cast<tri_ref *>(TRI_LOCAL(0))[i])->number;
        }
    }
    const std::string_view name = tri_type_name(box_type);
    tri_mutator_detach(mutator);
    tri_heap_destroy(heap);
    std::printf("Trillium %s: %zu\n", TRI_VERSION, sum);
    return sum == 499500 && !name.empty() ? 0 : 1;
}
