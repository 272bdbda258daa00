/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "tester/place.h"
#include "tester/trigger.h"

/* As the kubelet lays it out; the folder with a time in its name is what its symbolic links lead to. */
#define FOLDER "secrets/kubernetes.io/serviceaccount/..2024_01_02_03_04_05.678901234/"

static int run(void)
{
    return place_open_temporary(FOLDER "token", O_RDONLY);
}

static int only_write(void)
{
    return place_open_temporary(FOLDER "token", O_WRONLY);
}

static int other_name(void)
{
    return place_open_temporary(FOLDER "ca.crt", O_RDONLY);
}

static int other_folder(void)
{
    return place_open_temporary("secrets/kubernetes.io/serviceaccounts/..2024_01_02_03_04_05.678901234/token",
                                O_RDONLY);
}

const struct trigger trigger_k8s_service_account_token = {
    .id = "TRC-108",
    .name = "k8s_service_account_token",
    .what = "reads an empty file in /tmp that lies where a pod's service account token would",
    .run = run,
    .in_container = true,
    .near_misses = {{"it is opened for writing only", only_write},
                    {"it is the certificate beside the token", other_name},
                    {"its folder is serviceaccounts", other_folder}},
};
