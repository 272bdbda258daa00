/* SPDX-License-Identifier: Apache-2.0 */
/* Where x86 keeps the preemption count of a CPU, for collector/bpf/preempt.h; other architectures do not need it. */
#include <bpf/btf.h>

#include "collector/probe/internal.h"

/* Offset of a per-CPU variable in its section, -1 if the BTF has none. *ret_type: of the variable. */
static int64_t place_of(const struct btf *btf, const struct btf_type *section, const char *name, uint32_t *ret_type)
{
    const struct btf_var_secinfo *variables = btf_var_secinfos(section);
    for (uint16_t i = 0; i < btf_vlen(section); i++) {
        const struct btf_type *variable = btf__type_by_id(btf, variables[i].type);
        if (strcmp(btf__name_by_offset(btf, variable->name_off), name) != 0)
            continue;
        *ret_type = variable->type;
        return variables[i].offset;
    }
    return -1;
}

/*
 * A variable of its own, or a member of pcpu_hot: 64701838bf05 "x86/percpu: Move preempt_count next to current_task"
 * (6.2) put them into one struct, 46e8fff6d45f "x86/preempt: Move preempt count to percpu hot section" (6.15) and the
 * commits around it took it apart again.
 */
static int64_t place_of_hot(const struct btf *btf, const struct btf_type *section, const char *name, const char *member)
{
    uint32_t type = 0;
    int64_t place = place_of(btf, section, name, &type);
    if (place >= 0)
        return place;
    place = place_of(btf, section, "pcpu_hot", &type);
    int outer = place >= 0 ? btf__resolve_type(btf, type) : -1;
    const struct btf_type *hot = outer >= 0 ? btf__type_by_id(btf, (uint32_t)outer) : NULL;
    /* struct pcpu_hot { union { struct { the members }; u8 pad[64]; }; } */
    for (int depth = 0; hot != NULL && btf_is_composite(hot) && depth < 3; depth++) {
        const struct btf_member *members = btf_members(hot);
        for (uint16_t i = 0; i < btf_vlen(hot); i++)
            if (strcmp(btf__name_by_offset(btf, members[i].name_off), member) == 0)
                return place + btf_member_bit_offset(hot, i) / 8;
        hot = btf_vlen(hot) > 0 ? btf__type_by_id(btf, members[0].type) : NULL;
    }
    return -1;
}

struct preempt_places preempt_places_find(const struct btf *btf)
{
    struct preempt_places places = {0};
    uint32_t type;
    int section_id = btf == NULL ? -1 : btf__find_by_name_kind(btf, ".data..percpu", BTF_KIND_DATASEC);
    if (section_id > 0) {
        const struct btf_type *section = btf__type_by_id(btf, (uint32_t)section_id);
        int64_t queue = place_of(btf, section, "runqueues", &type);
        int64_t count = place_of_hot(btf, section, "__preempt_count", "preempt_count");
        int64_t current = place_of_hot(btf, section, "current_task", "current_task");
        if (queue >= 0 && count >= 0 && current >= 0)
            places = (struct preempt_places){.to_count = count - queue, .to_current = current - queue, .known = 1};
    }
    return places;
}
