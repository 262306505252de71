/* print.c -- values as text. */
#include "print.h"

#include <stdio.h>

#include "object.h"
#include "string_object.h"

static void print_string(struct text *text, const struct string *string)
{
    text_append(text, string->characters, string->length);
}

static void print_function(struct text *text, const struct function *function)
{
    if (function->name == NULL) {
        text_format(text, "<script>");
        return;
    }
    text_append(text, "<fn ", 4);
    print_string(text, function->name);
    text_append(text, ">", 1);
}

static void print_number(struct text *text, double number)
{
    char digits[32];
    int length = snprintf(digits, sizeof(digits), "%g", number);
    text_append(text, digits, (size_t)length);
}

static void print_object(struct text *text, value v)
{
    switch (object_kind(value_to_object(v))) {
    case OBJECT_STRING:
        print_string(text, OBJECT_CAST(string, v));
        break;
    case OBJECT_FUNCTION:
        print_function(text, OBJECT_CAST(function, v));
        break;
    case OBJECT_CLOSURE:
        print_function(text, OBJECT_CAST(closure, v)->function);
        break;
    case OBJECT_BOUND_METHOD:
        print_function(text, OBJECT_CAST(bound_method, v)->method->function);
        break;
    case OBJECT_NATIVE:
        text_format(text, "<native fn>");
        break;
    case OBJECT_CLASS:
        print_string(text, OBJECT_CAST(class, v)->name);
        break;
    case OBJECT_INSTANCE:
        print_string(text, OBJECT_CAST(instance, v)->class->name);
        text_append(text, " instance", 9);
        break;
    case OBJECT_GLOBAL:
        break; /* never a value of the language */
    }
}

void print_value(struct text *text, value v)
{
    if (value_is_number(v)) {
        print_number(text, value_to_number(v));
    } else if (value_is_object(v)) {
        print_object(text, v);
    } else if (v == VALUE_NIL) {
        text_format(text, "nil");
    } else {
        text_format(text, v == VALUE_TRUE ? "true" : "false");
    }
}
