/* roots.c -- the root scanner: everything in a struct vm that refers into the heap.
 *
 * It is called at safepoints of the machine's mutator: on its own thread in the middle of an
 * allocation, a tri_safepoint or a tri_blocking_begin, or on a thread of the collector while the
 * machine is in a blocking region. Every field that it reads must be up to date at all of these.
 *
 * A reference in struct vm that is missing here is an object that vanishes under the program.
 * GCDEBUG=gcstress=1,clobberfree=1 is how to find out soon.
 */
#include "roots.h"

#include "compiler.h"
#include "vm.h"

void roots_scan(tri_visitor *visitor, tri_mutator *mutator, void *argument)
{
    const struct vm *vm = argument;
    (void)mutator;

    /* Up to `top` and no further: what lies above it are values of calls that have returned. */
    tri_visit_values(visitor, vm->stack, (size_t)(vm->top - vm->stack));

    /* A closure that runs need not be on the stack: in a method's slot 0 its receiver has taken its
     * place. The frame's `ip` and `constants` point into what the closure keeps alive. */
    for (uint32_t i = 0; i < vm->frame_count; i++) {
        tri_visit_ref(visitor, vm->frames[i].closure);
    }
    tri_visit_ref(visitor, vm->open_upvalues);
    tri_visit_ref(visitor, vm->module);
    tri_visit_ref(visitor, vm->init_name);
    compiler_visit_roots(vm->parser, visitor);
}
