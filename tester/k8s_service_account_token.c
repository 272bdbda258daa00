/* SPDX-License-Identifier: Apache-2.0 */
/* The folder with a time in its name is what the kubelet's symbolic links lead to. */
#include <fcntl.h>

#include "tester/place.h"
#include "tester/trigger.h"

/* By a program of that path. */
static int read_by(const char *program)
{
    static const char *const words[] = {TRIGGER_READ, "/run/secrets/kubernetes.io/serviceaccount/token", NULL};
    int r = place_private_root();
    if (r == 0)
        r = place_empty_file(words[1]);
    if (r == 0)
        r = place_program(program);
    return r < 0 ? r : trigger_execute_payload(program, words, NULL);
}

static int read_by_copy(void)
{
    return read_by("/usr/local/bin/kube-proxy");
}

static int by_copy(void)
{
    return trigger_in_child(read_by_copy);
}

const struct trigger trigger_k8s_service_account_token = {
    .id = "TRC-108",
    .name = "k8s_service_account_token",
    .deed = {.what = "reads an empty file that lies where a pod's service account token would",
             FILE_DEED(FILE_OPEN, "/run/secrets/kubernetes.io/serviceaccount/..2024_01_02_03_04_05.678901234/token",
                       O_RDONLY)},
    .in_container = true,
    .evasions = {{.what = "by a program called kube-proxy that did not come with the image", .run = by_copy},
                 {.what = "through a symbolic link to its folder, as the kubelet lays it out",
                  FILE_DEED(FILE_OPEN_BY_FOLDER_LINK,
                            "/run/secrets/kubernetes.io/serviceaccount/..2024_01_02_03_04_05.678901234/token",
                            O_RDONLY)},
                 {.what = "through a symbolic link with another name",
                  FILE_DEED(FILE_OPEN_BY_LINK,
                            "/run/secrets/kubernetes.io/serviceaccount/..2024_01_02_03_04_05.678901234/token",
                            O_RDONLY)},
                 {.what = "for writing as well, by openat2",
                  FILE_DEED(FILE_OPENAT2, "/run/secrets/kubernetes.io/serviceaccount/token", O_RDWR)}},
    .near_misses = {{.what = "it is opened for writing only",
                     FILE_DEED(FILE_OPEN,
                               "/run/secrets/kubernetes.io/serviceaccount/..2024_01_02_03_04_05.678901234/token",
                               O_WRONLY)},
                    {.what = "it is the certificate beside the token",
                     FILE_DEED(FILE_OPEN,
                               "/run/secrets/kubernetes.io/serviceaccount/..2024_01_02_03_04_05.678901234/ca.crt",
                               O_RDONLY)},
                    {.what = "its folder is serviceaccounts",
                     FILE_DEED(FILE_OPEN, "/run/secrets/kubernetes.io/serviceaccounts/token", O_RDONLY)}},
};
