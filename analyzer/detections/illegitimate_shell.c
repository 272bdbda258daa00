/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A web server's child that turned into a shell: the name before exec is the server's, the name after it a shell's.
 * Tomcat's threads are called http-nio-PORT-..., cut to 15 bytes, so that Tracee's comparison with "http-nio" alone
 * can never hold; here it is a beginning.
 *
 * What remains: names are what the kernel shows, and the server can change its own; a server that starts shells
 * through a helper process (Java's jspawnhelper, a FastCGI program) shows the helper's name.
 */
#include "analyzer/detections/detections.h"

const struct detection detection_illegitimate_shell = {
    .id = "TRC-1016",
    .name = "illegitimate_shell",
    .event_id = 6005,
    .title = "Web server started a shell",
    .description = "A process of a web server executed a shell. Web servers seldom need one; somebody may have found "
                   "a way to run commands through the application that it serves.",
    .severity = SEVERITY_MEDIUM,
    .category = "initial-access",
    .technique = "Exploit Public-Facing Application",
    .technique_id = "T1190",
    .technique_stix = "attack-pattern--3f886f2a-874f-4333-b794-aa6075009b1c",
    .mends = STRINGS("Tomcat's threads (http-nio-PORT-...) fire: a comparison with http-nio alone never holds"),
    .triggers = {{.event = "sched_process_exec",
                  .when = ALL_OF(STRING("task.comm", "ash", "bash", "csh", "dash", "ksh", "sh", "tcsh", "zsh"),
                                 ANY_OF(STRING("data.prev_comm", "apache", "apache2", "http-nio", "httpd",
                                               "httpd-foregroun", "lighttpd", "nginx"),
                                        PREFIX("data.prev_comm", "http-nio-")))}},
};
