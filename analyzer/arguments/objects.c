/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/arguments/objects.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/arguments/tables.h"
#include "common/events/record.h"

/* Linux's layout, the same on every architecture; both are little-endian. include/uapi/linux/{in,in6,un}.h */
enum {
    FAMILY_UNIX = 1,
    FAMILY_INET = 2,
    FAMILY_INET6 = 10,
    FAMILY_BYTES = 2,
    INET_BYTES = 8,
    INET6_BYTES = 28,
    UNIX_PATH_BYTES = 108,
};

static void add(struct object *object, const char *key, const char *data, size_t length)
{
    object->field[object->n++] = (struct object_field){.key = key, .data = data, .length = length};
}

/* Into the room; what would not fit is left out, which the callers' fixed formats do not do. */
static __attribute__((format(printf, 3, 4))) void add_printed(struct object *object, const char *key,
                                                              const char *format, ...)
{
    char *at = object->room + object->used;
    const size_t left = sizeof(object->room) - object->used;
    va_list values;
    va_start(values, format);
    int length = vsnprintf(at, left, format, values);
    va_end(values);
    if (length < 0 || (size_t)length >= left)
        return;
    object->used += (size_t)length;
    add(object, key, at, (size_t)length);
}

static void add_inet(struct object *object, const uint8_t *bytes)
{
    uint16_t port;
    char address[INET_ADDRSTRLEN];
    memcpy(&port, bytes + 2, sizeof(port));
    add_printed(object, "sin_addr", "%s", inet_ntop(AF_INET, bytes + 4, address, sizeof(address)));
    add_printed(object, "sin_port", "%u", ntohs(port));
}

static void add_inet6(struct object *object, const uint8_t *bytes)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    uint16_t port;
    uint32_t flow, scope;
    char address[INET6_ADDRSTRLEN];
    memcpy(&port, bytes + 2, sizeof(port));
    memcpy(&flow, bytes + 4, sizeof(flow));
    memcpy(&scope, bytes + 24, sizeof(scope));
    if (memcmp(bytes + 8, mapped, sizeof(mapped)) == 0)
        inet_ntop(AF_INET, bytes + 8 + sizeof(mapped), address, sizeof(address));
    else
        inet_ntop(AF_INET6, bytes + 8, address, sizeof(address));
    add_printed(object, "sin6_addr", "%s", address);
    add_printed(object, "sin6_flowinfo", "%" PRIu32, ntohl(flow));
    add_printed(object, "sin6_port", "%u", ntohs(port));
    add_printed(object, "sin6_scopeid", "%" PRIu32, scope);
}

/* unix(7): the length tells a name in the abstract space from its end, a NUL the one of a path. */
static void add_unix(struct object *object, const uint8_t *bytes, size_t length)
{
    const char *path = (const char *)bytes + FAMILY_BYTES;
    size_t size = length - FAMILY_BYTES;
    if (size > UNIX_PATH_BYTES)
        size = UNIX_PATH_BYTES;
    if (size > 0 && path[0] != '\0') {
        size = strnlen(path, size);
    } else if (size > 1) {
        char *name = object->room + object->used;
        memcpy(name, path, size);
        name[0] = '@';
        object->used += size;
        path = name;
    } else {
        size = 0;
    }
    add(object, "sun_path", path, size);
}

static void add_family(struct object *object, uint16_t family)
{
    const char *name = table_entry(TABLE_address_family, family);
    if (name != NULL)
        add(object, "sa_family", name, strlen(name));
    else
        add_printed(object, "sa_family", "%u", family);
}

void object_sockaddr(const void *bytes, size_t length, struct object *ret_object)
{
    uint16_t family;
    ret_object->n = 0;
    ret_object->used = 0;
    if (length < FAMILY_BYTES)
        return;
    memcpy(&family, bytes, sizeof(family));
    add_family(ret_object, family);
    if (family == FAMILY_INET && length >= INET_BYTES)
        add_inet(ret_object, bytes);
    else if (family == FAMILY_INET6 && length >= INET6_BYTES)
        add_inet6(ret_object, bytes);
    else if (family == FAMILY_UNIX)
        add_unix(ret_object, bytes, length);
}

void object_credentials(const void *bytes, size_t length, struct object *ret_object)
{
    struct record_credentials c;
    ret_object->n = 0;
    ret_object->used = 0;
    if (length < sizeof(c))
        return;
    memcpy(&c, bytes, sizeof(c));
    const struct {
        const char *key;
        uint64_t value;
    } numbers[OBJECT_FIELDS] = {
        {"Uid", c.uid},
        {"Gid", c.gid},
        {"Suid", c.suid},
        {"Sgid", c.sgid},
        {"Euid", c.euid},
        {"Egid", c.egid},
        {"Fsuid", c.fsuid},
        {"Fsgid", c.fsgid},
        {"UserNamespace", c.user_ns},
        {"SecureBits", c.secure_bits},
        {"CapInheritable", c.cap_inheritable},
        {"CapPermitted", c.cap_permitted},
        {"CapEffective", c.cap_effective},
        {"CapBounding", c.cap_bounding},
        {"CapAmbient", c.cap_ambient},
    };
    for (size_t i = 0; i < OBJECT_FIELDS; i++) {
        add_printed(ret_object, numbers[i].key, "%" PRIu64, numbers[i].value);
        ret_object->field[ret_object->n - 1].is_number = true;
    }
}
