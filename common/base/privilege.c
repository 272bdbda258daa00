/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/privilege.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

int privilege_forget_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0, 0, 0}, {0, 0, 0}};
    /* EINVAL where the kernel has no ambient set (before 4.3) would mean a kernel that we do not run on. */
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 || syscall(SYS_capset, &header, none) != 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -errno;
    return 0;
}

bool privilege_has(int capability)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    return syscall(SYS_capget, &header, data) == 0 &&
           (data[CAP_TO_INDEX(capability)].effective & CAP_TO_MASK(capability)) != 0;
}

static int parse_id(const char *text, uint32_t *ret_id)
{
    char *end;
    errno = 0;
    unsigned long id = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || id >= UINT32_MAX)
        return -EINVAL;
    *ret_id = (uint32_t)id;
    return 0;
}

int privilege_user(const char *name, uid_t *ret_uid, gid_t *ret_gid)
{
    uint32_t id;
    if (parse_id(name, &id) == 0) {
        *ret_uid = id;
        *ret_gid = id;
        return 0;
    }
    const struct passwd *user = getpwnam(name);
    if (user == NULL)
        return -ENOENT;
    *ret_uid = user->pw_uid;
    *ret_gid = user->pw_gid;
    return 0;
}

int privilege_group(const char *name, gid_t *ret_gid)
{
    uint32_t id;
    if (parse_id(name, &id) == 0) {
        *ret_gid = id;
        return 0;
    }
    const struct group *group = getgrnam(name);
    if (group == NULL)
        return -ENOENT;
    *ret_gid = group->gr_gid;
    return 0;
}
