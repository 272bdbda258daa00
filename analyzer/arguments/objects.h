/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structures that travel as bytes, taken apart. The bytes come from outside: any length and any content is taken, and
 * what does not hold a field's bytes does not have the field. Any thread.
 */
#ifndef VEDETTE_ANALYZER_ARGUMENTS_OBJECTS_H
#define VEDETTE_ANALYZER_ARGUMENTS_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    OBJECT_FIELDS = 15,
    OBJECT_ROOM_BYTES = 256,
};

/* `data` points into `room` of the object or into constants: an object is not to be copied. */
struct object {
    size_t n;
    struct object_field {
        const char *key;
        const char *data; /* not terminated, any byte */
        size_t length;
        bool is_number; /* decimal digits; else a string */
    } field[OBJECT_FIELDS];
    size_t used;
    char room[OBJECT_ROOM_BYTES];
};

/*
 * A struct sockaddr, with Tracee's keys in its order: sa_family and sin_addr, sin_port; or sin6_addr, sin6_flowinfo,
 * sin6_port, sin6_scopeid; or sun_path (an abstract name begins with '@'; "" where there is no name). Of other
 * families sa_family only. All are strings. Addresses as Go prints them: one of IPv4 within IPv6 as IPv4. Without two
 * bytes there is no field.
 */
void object_sockaddr(const void *bytes, size_t length, struct object *ret_object);

/* A struct record_credentials, with Tracee's keys, all numbers; no field when it is shorter. */
void object_credentials(const void *bytes, size_t length, struct object *ret_object);

#endif
