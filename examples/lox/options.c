/* options.c -- the command line. */
#include "options.h"

#include <stdlib.h>
#include <string.h>

#include "machine.h"

static bool parse_isolates(struct options *options, const char *text)
{
    char *end;
    long count = text == NULL ? 0 : strtol(text, &end, 10);
    if (count < 1 || count > ISOLATES_MAX || *end != '\0') {
        return false;
    }
    options->isolates = (int)count;
    return true;
}

bool options_parse(struct options *options, int count, char **arguments)
{
    *options = (struct options){NULL, 0, false, false};
    for (int i = 1; i < count; i++) {
        const char *argument = arguments[i];
        if (strcmp(argument, "--stats") == 0) {
            options->stats = true;
        } else if (strcmp(argument, "--version") == 0) {
            options->version = true;
        } else if (strcmp(argument, "--isolates") == 0) {
            i++;
            if (!parse_isolates(options, i < count ? arguments[i] : NULL)) {
                return false;
            }
        } else if (argument[0] == '-' || options->path != NULL) {
            return false;
        } else {
            options->path = argument;
        }
    }
    return options->isolates == 0 || options->path != NULL;
}
