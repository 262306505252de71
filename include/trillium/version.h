/**
 * @file version.h
 * The version of the Trillium headers a host is compiled with.
 */
#ifndef TRILLIUM_VERSION_H
#define TRILLIUM_VERSION_H

#define TRI_VERSION_MAJOR 0
#define TRI_VERSION_MINOR 1
#define TRI_VERSION_PATCH 0

/** The version as text, "major.minor.patch". */
#define TRI_VERSION "0.1.0"

/** True where the headers are of version @p major.@p minor.@p patch or newer. For `#if`. */
#define TRI_VERSION_AT_LEAST(major, minor, patch)                                                  \
    ((TRI_VERSION_MAJOR * 1000000 + TRI_VERSION_MINOR * 1000 + TRI_VERSION_PATCH) >=               \
     ((major)*1000000 + (minor)*1000 + (patch)))

#endif
