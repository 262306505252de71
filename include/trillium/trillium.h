/**
 * @file trillium.h
 * All that a host includes, but for debug.h.
 */
#ifndef TRILLIUM_TRILLIUM_H
#define TRILLIUM_TRILLIUM_H

#include <trillium/alloc.h>
#include <trillium/finalize.h>
#include <trillium/heap.h>
#include <trillium/mutator.h>
#include <trillium/pool.h>
#include <trillium/region.h>
#include <trillium/roots.h>
#include <trillium/safepoint.h>
#include <trillium/stack.h>
#include <trillium/stats.h>
#include <trillium/store.h>
#include <trillium/type.h>
#include <trillium/types.h>
#include <trillium/version.h>
#include <trillium/weak.h>
#include <trillium/weak_hook.h>
#include <trillium/weak_table.h>

#endif
