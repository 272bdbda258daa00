/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internet addresses as conditions compare them. Any bytes and any text are taken; what is no address is not one. Any
 * thread.
 */
#ifndef VEDETTE_ANALYZER_DETECT_ADDRESS_H
#define VEDETTE_ANALYZER_DETECT_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* IPv4 stands as IPv4 within IPv6 (RFC 4291, 2.5.5.2): a socket of either family reaches the same peer. */
struct address {
    uint8_t bytes[16];
};

struct network {
    struct address address;
    uint8_t bits;
};

/* Of a struct sockaddr of AF_INET or AF_INET6, as long as it is. */
bool address_of_sockaddr(const void *bytes, size_t length, struct address *ret_address);
bool address_port_of_sockaddr(const void *bytes, size_t length, uint16_t *ret_port);

/* "10.0.0.1", "fd00::1"; not terminated. */
bool address_parse(const char *text, size_t length, struct address *ret_address);

/* "10.0.0.0/8", "fd00::/8", or an address, which is a network of one. The bits behind the prefix are ignored. */
bool network_parse(const char *text, struct network *ret_network);
bool network_has(const struct network *network, const struct address *address);

#endif
