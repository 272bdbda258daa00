/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/alert/json_internal.h"
#include "analyzer/redact/redact.h"

enum {
    FINDING_ANCESTORS = 5,
    FINDING_LOSSES = 16, /* named in one finding; "incomplete" says that there are any */
};

static const char *const stage_names[] = {
    [VEDETTE__V1__LOSS_STAGE__LOSS_UNKNOWN] = "unknown", [VEDETTE__V1__LOSS_STAGE__LOSS_HOOK] = "hook",
    [VEDETTE__V1__LOSS_STAGE__LOSS_RING] = "ring",       [VEDETTE__V1__LOSS_STAGE__LOSS_QUEUE] = "queue",
    [VEDETTE__V1__LOSS_STAGE__LOSS_ABSENCE] = "absence", [VEDETTE__V1__LOSS_STAGE__LOSS_ENCODE] = "encode",
    [VEDETTE__V1__LOSS_STAGE__LOSS_INGEST] = "ingest",   [VEDETTE__V1__LOSS_STAGE__LOSS_STATE] = "state",
    [VEDETTE__V1__LOSS_STAGE__LOSS_OUTBOX] = "outbox",   [VEDETTE__V1__LOSS_STAGE__LOSS_SINK] = "sink",
    [VEDETTE__V1__LOSS_STAGE__LOSS_SPOOL] = "spool",     [VEDETTE__V1__LOSS_STAGE__LOSS_THROTTLE] = "throttle",
};

const char *loss_stage_name(unsigned stage)
{
    return stage_names[stage < sizeof(stage_names) / sizeof(stage_names[0]) ? stage : 0];
}

/* What a finding's bounds cut, for "states". */
struct cut {
    struct json_marks args;
    const char *others[TRIGGER_MAX_DATA + 3]; /* NULL ends them */
    size_t n_others;
};

static void note(struct cut *cut, bool is_whole, const char *name)
{
    if (!is_whole)
        cut->others[cut->n_others++] = name;
}

static void data_argument(struct text *text, const struct finding_data *data, struct cut *cut)
{
    static const char *const types[] = {
        [FIELD_SIGNED] = "int64", [FIELD_UNSIGNED] = "uint64", [FIELD_STRING] = "string"};
    text_literal(text, "{\"name\":");
    text_json(text, data->name, strlen(data->name));
    const char *quote = data->as_string && data->kind != FIELD_STRING ? "\"" : "";
    json_key_string(text, "type", types[data->as_string ? FIELD_STRING : data->kind]);
    text_literal(text, ",\"value\":");
    text_string(text, quote);
    struct redacted redacted;
    const struct string_view shown = redact_string(&redacted, &data->string);
    if (data->kind == FIELD_SIGNED)
        text_signed(text, (int64_t)data->number);
    else if (data->kind == FIELD_UNSIGNED)
        text_unsigned(text, data->number);
    else
        note(cut, json_fitting(text, shown.data, shown.length, json_finding_limits.string), data->name);
    redacted_fini(&redacted);
    text_string(text, quote);
    text_literal(text, "},");
}

/* What fired, inside the finding as in Tracee's. */
static void finding_args(struct text *text, const struct finding *finding, enum json_arguments arguments,
                         struct cut *cut)
{
    const struct json_limits *limits = &json_finding_limits;
    const struct event_view *event = finding->context->event;
    text_literal(text, ",\"args\":[");
    for (size_t i = 0; i < finding->n_data; i++)
        data_argument(text, &finding->data[i], cut);
    text_literal(text, "{\"name\":\"triggeredBy\",\"type\":\"unknown\",\"value\":{\"id\":");
    text_unsigned(text, event->schema->id);
    json_key_string(text, "name", event->schema->name);
    text_literal(text, ",\"returnValue\":");
    text_signed(text, event->ret);
    text_literal(text, ",\"args\":");
    cut->args = json_args(text, finding->context, limits, arguments);
    text_literal(text, "}}]");
}

static void metadata(struct text *text, const struct finding *finding)
{
    const struct detection *detection = finding->detection;
    text_literal(text, ",\"metadata\":{\"Version\":\"1\"");
    json_key_string(text, "Description", detection->description);
    text_literal(text, ",\"Tags\":null,\"Properties\":{\"Category\":");
    text_json(text, detection->category, strlen(detection->category));
    text_literal(text, ",\"Kubernetes_Technique\":\"\",\"Severity\":");
    text_unsigned(text, finding->severity);
    json_key_string(text, "Technique", detection->technique);
    json_key_string(text, "external_id", detection->technique_id);
    json_key_string(text, "id", detection->technique_stix);
    json_key_string(text, "signatureID", detection->id);
    json_key_string(text, "signatureName", detection->title);
    text_literal(text, "}}");
}

/* ,"key":"string", as much of it as fits. */
static bool ancestor_string(struct text *text, const char *key, const char *string)
{
    text_literal(text, ",\"");
    text_string(text, key);
    text_literal(text, "\":");
    return json_fitting(text, string, strlen(string), FINDING_MAX_ANCESTOR_BYTES);
}

/* The parents, nearest first; false when something of them was cut. */
static bool ancestry(struct text *text, const struct event_context *context)
{
    bool is_whole = true;
    const struct process *parents[FINDING_ANCESTORS];
    size_t n = state_ancestors(context->state, context->process, parents, FINDING_ANCESTORS);
    text_literal(text, ",\"ancestry\":[");
    for (size_t i = 0; i < n; i++) {
        const struct process *parent = parents[i];
        text_string(text, i > 0 ? ",{\"pid\":" : "{\"pid\":");
        text_unsigned(text, parent->tgid);
        text_literal(text, ",\"startTime\":");
        json_time(text, context, parent->start_ns);
        text_literal(text, ",\"comm\":");
        text_json(text, parent->comm, strnlen(parent->comm, sizeof(parent->comm)));
        is_whole &= ancestor_string(text, "executable", parent->executable != NULL ? parent->executable : "");
        if (parent->argv != NULL)
            is_whole &= ancestor_string(text, "argv", parent->argv);
        text_string(text, parent->scope_root ? ",\"scope_root\":true}" : ",\"scope_root\":false}");
    }
    text_literal(text, "]");
    return is_whole;
}

static void loss_record(struct text *text, const struct event_context *context, const struct loss *loss)
{
    text_literal(text, "{\"stage\":\"");
    text_string(text, loss_stage_name(loss->stage));
    text_literal(text, "\",\"class\":\"");
    text_string(text, event_class_name((enum event_class)loss->class));
    text_literal(text, "\",\"cpu\":");
    if (loss->cpu == UINT32_MAX)
        text_literal(text, "null");
    else
        text_unsigned(text, loss->cpu);
    text_literal(text, ",\"from\":");
    json_time(text, context, loss->from_ns);
    text_literal(text, ",\"to\":");
    json_time(text, context, loss->to_ns);
    text_literal(text, ",\"count\":");
    text_unsigned(text, loss->count);
    text_string(text, loss->count_exact ? ",\"count_exact\":true}" : ",\"count_exact\":false}");
}

static void losses(struct text *text, const struct finding *finding)
{
    struct loss found[FINDING_LOSSES];
    size_t n = state_losses_between(finding->context->state, finding->window_from_ns, finding->window_to_ns, found,
                                    FINDING_LOSSES);
    text_string(text, n > 0 ? ",\"incomplete\":true,\"losses\":[" : ",\"incomplete\":false,\"losses\":[");
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            text_literal(text, ",");
        loss_record(text, finding->context, &found[i]);
    }
    text_literal(text, "]");
}

int json_finding(struct text *text, const struct finding *finding, const char *id, const char *const *policies,
                 size_t n_policies, enum json_arguments arguments)
{
    const struct event_context *context = finding->context;
    const size_t before = text->size;
    struct cut cut = {0};
    note(&cut,
         json_context(text, context, finding->detection->event_id, finding->detection->name,
                      (uint32_t)finding->n_data + 1, (struct policies){policies, n_policies}, &json_finding_limits),
         "executable");
    finding_args(text, finding, arguments, &cut);
    metadata(text, finding);
    text_literal(text, ",\"vedette\":{\"id\":");
    text_json(text, id, strlen(id));
    text_literal(text, ",");
    json_place(text, context);
    note(&cut, ancestry(text, context), "ancestry");
    text_string(text, finding->succeeded ? ",\"succeeded\":true,\"states\":" : ",\"succeeded\":false,\"states\":");
    json_states(text, context, cut.args.cut, cut.others);
    if (arguments == JSON_WORDS)
        json_raw(text, context, cut.args.decoded);
    losses(text, finding);
    text_literal(text, "}}");
    return json_finish(text, before);
}
