// SPDX-License-Identifier: Apache-2.0
#include "analyzer/state/container.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct container container;
    bool root;
    if (container_from_path((const char *)data, size, &container, &root) && strlen(container.id) != 64 &&
        strlen(container.id) != 28)
        abort();
    return 0;
}
