/* heap_list.h -- the heaps of the process. */
#ifndef RUNTIME_HEAP_LIST_H
#define RUNTIME_HEAP_LIST_H

#include "runtime/process.h"

/* The heap is made, and about to end. The latter does nothing for one that was not added. */
void heap_list_add(struct process_heap *heap);
void heap_list_remove(struct process_heap *heap);

/* The first heap; the others follow by next_heap. None is added or removed, and so none ends,
 * before the list is unlocked, by the same thread or by its copy in the child of a fork; until then
 * the thread's own mutators are blocked. A safepoint of these. */
struct process_heap *heap_list_lock(void);
void heap_list_unlock(void);

/* The same of a list that is locked. */
struct process_heap *heap_list_first(void);

#endif
