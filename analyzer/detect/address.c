/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/detect/address.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

/* Linux's layout, the same on every architecture: include/uapi/linux/in.h, in6.h. */
enum {
    FAMILY_INET = 2,
    FAMILY_INET6 = 10,
    INET_BYTES = 8,
    INET6_BYTES = 28,
    PORT_AT = 2,
    INET_ADDRESS_AT = 4,
    INET6_ADDRESS_AT = 8,
    MAPPED_BITS = 96,
};

static void map(const uint8_t *inet, struct address *ret_address)
{
    *ret_address = (struct address){.bytes = {[10] = 0xff, [11] = 0xff}};
    memcpy(ret_address->bytes + MAPPED_BITS / 8, inet, 4);
}

/* 0 when the bytes of that family are not all there. */
static uint16_t whole_family(const void *bytes, size_t length)
{
    uint16_t family = 0;
    if (length >= sizeof(family))
        memcpy(&family, bytes, sizeof(family));
    bool is_whole =
        (family == FAMILY_INET && length >= INET_BYTES) || (family == FAMILY_INET6 && length >= INET6_BYTES);
    return is_whole ? family : 0;
}

bool address_of_sockaddr(const void *bytes, size_t length, struct address *ret_address)
{
    const uint16_t family = whole_family(bytes, length);
    if (family == FAMILY_INET)
        map((const uint8_t *)bytes + INET_ADDRESS_AT, ret_address);
    else if (family == FAMILY_INET6)
        memcpy(ret_address->bytes, (const uint8_t *)bytes + INET6_ADDRESS_AT, sizeof(ret_address->bytes));
    return family != 0;
}

bool address_port_of_sockaddr(const void *bytes, size_t length, uint16_t *ret_port)
{
    if (whole_family(bytes, length) == 0)
        return false;
    const uint8_t *port = (const uint8_t *)bytes + PORT_AT;
    *ret_port = (uint16_t)(port[0] << 8 | port[1]);
    return true;
}

bool address_parse(const char *text, size_t length, struct address *ret_address)
{
    char copy[INET6_ADDRSTRLEN];
    uint8_t inet[4];
    if (length == 0 || length >= sizeof(copy) || memchr(text, '\0', length) != NULL)
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    if (inet_pton(AF_INET, copy, inet) == 1) {
        map(inet, ret_address);
        return true;
    }
    struct address address;
    if (inet_pton(AF_INET6, copy, address.bytes) != 1)
        return false;
    *ret_address = address;
    return true;
}

bool network_parse(const char *text, struct network *ret_network)
{
    const char *slash = strchr(text, '/');
    const size_t length = slash != NULL ? (size_t)(slash - text) : strlen(text);
    struct network network = {.bits = 128};
    if (!address_parse(text, length, &network.address))
        return false;
    if (slash != NULL) {
        const unsigned before = memchr(text, ':', length) == NULL ? MAPPED_BITS : 0;
        char *end;
        const unsigned long bits = strtoul(slash + 1, &end, 10);
        if (slash[1] < '0' || slash[1] > '9' || *end != '\0' || bits > 128 - before)
            return false;
        network.bits = (uint8_t)(before + bits);
    }
    *ret_network = network;
    return true;
}

bool network_has(const struct network *network, const struct address *address)
{
    const size_t whole = network->bits / 8;
    const unsigned rest = network->bits % 8;
    if (memcmp(network->address.bytes, address->bytes, whole) != 0)
        return false;
    return rest == 0 || ((network->address.bytes[whole] ^ address->bytes[whole]) >> (8 - rest)) == 0;
}
