/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vedette-run: collector and analyzer together on one host, each at its own privilege, for as long as a COMMAND or a
 * person wants. What
 * `./dev run` executes; in production systemd or the kubelet has this job.
 */
#include "common/base/exit_code.h"
#include "common/base/log.h"
#include "launcher/command.h"
#include "launcher/options.h"
#include "launcher/run.h"

/* Whatever is wrong with our own arguments must not look like COMMAND's exit status. */
static int own_failure(int argc, char **argv, int code)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--") == 0)
            return COMMAND_EXIT_VEDETTE;
    return code;
}

int main(int argc, char **argv)
{
    log_init("vedette-run", LOG_LEVEL_INFO);

    struct run_options options;
    char error[RUN_ERROR_BYTES];
    if (run_options_parse(argc, argv, &options, error) < 0) {
        log_error("%s", error);
        return own_failure(argc, argv, EXIT_CODE_USAGE);
    }
    if (options.page != 0) {
        run_options_print_page(options.page, stdout);
        return EXIT_CODE_OK;
    }
    if (geteuid() != 0) {
        log_error("watching the kernel needs root to start: run it as root, as in: sudo ./dev run");
        return own_failure(argc, argv, EXIT_CODE_PRIVILEGE);
    }
    return run(&options);
}
