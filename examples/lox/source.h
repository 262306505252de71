/* source.h -- reading a program from a file. */
#ifndef LOX_SOURCE_H
#define LOX_SOURCE_H

/* The file's content, ended by a NUL, to be given to free(); NULL after a message on standard
 * error. */
char *source_read(const char *path);

#endif
