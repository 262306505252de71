/* print.h -- values as text. */
#ifndef LOX_PRINT_H
#define LOX_PRINT_H

#include "text.h"
#include "value.h"

/* Append `v` as the statement `print` shows it. No safepoint. */
void print_value(struct text *text, value v);

#endif
