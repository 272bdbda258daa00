/* SPDX-License-Identifier: Apache-2.0 */
/* A stream socket was to be connected to an address of IPv4 or IPv6, whether that succeeded or not. */
#include "analyzer/derive/derivations.h"

#include <arpa/inet.h>
#include <sys/socket.h>

/* Writes the address as text; false when it is none of both families. The bytes are a collector's: any length. */
static bool take_address(const struct string_view *bytes, struct derived *derived, uint16_t *ret_port)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    sa_family_t family;
    if (bytes->length < sizeof(family))
        return false;
    memcpy(&family, bytes->data, sizeof(family));
    if (family == AF_INET && bytes->length >= sizeof(v4)) {
        memcpy(&v4, bytes->data, sizeof(v4));
        *ret_port = ntohs(v4.sin_port);
        return inet_ntop(AF_INET, &v4.sin_addr, derived->text, sizeof(derived->text)) != NULL;
    }
    if (family != AF_INET6 || bytes->length < offsetof(struct sockaddr_in6, sin6_scope_id))
        return false;
    memset(&v6, 0, sizeof(v6));
    memcpy(&v6, bytes->data, bytes->length < sizeof(v6) ? bytes->length : sizeof(v6));
    *ret_port = ntohs(v6.sin6_port);
    return inet_ntop(AF_INET6, &v6.sin6_addr, derived->text, sizeof(derived->text)) != NULL;
}

static bool make(const struct event_context *context, struct derived *derived)
{
    const struct value *type = source_argument(context, "type"), *address = source_argument(context, "remote_addr");
    uint16_t port;
    if (type == NULL || type->i != SOCK_STREAM || address == NULL || !take_address(&address->string, derived, &port))
        return false;
    derived_string(derived, "dst", derived->text);
    derived_signed(derived, "dst_port", port);
    return true;
}

const struct derivation derivation_net_tcp_connect = {
    .event = EVENT_net_tcp_connect,
    .source = EVENT_security_socket_connect,
    .make = make,
};
