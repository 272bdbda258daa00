/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an event costs on the wire: our columnar batches against the same events as row-wise protobuf, on the same
 * records, in turns. Prints the median of the runs, in brackets the lowest and highest. Time is this thread's CPU time,
 * so that other work on the machine matters less.
 */
#include "bench/wire/rowwise.h"
#include "bench/wire/workload.h"
#include "common/wire/decode.h"
#include "common/wire/encode.h"
#include "common/wire/limits.h"

enum { EVENTS = 32768, RUNS = 11, ROWWISE_BYTES = 8 << 20, ROWWISE_ARENA = 64 << 20, PACKED_BYTES = 64 << 20 };

enum codec { COLUMNAR, ROWWISE, CODECS };

struct bench {
    struct workload *workload;
    struct batch_encoder *encoder;
    struct decoder *decoder;
    struct schema *schema;
    struct rowwise *rowwise;
    uint8_t *packed; /* all batches of a run, one after another */
    size_t *sizes;
    size_t n_batches;
};

struct result {
    double encode_ns[RUNS], decode_ns[RUNS], bytes;
};

static volatile uint64_t sink;

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void fail(const char *what)
{
    fprintf(stderr, "codec_bench: %s\n", what);
    exit(1);
}

static size_t encode_columnar(struct bench *b, size_t per_batch)
{
    size_t used = 0, done = 0;
    while (done < b->workload->count) {
        batch_encoder_begin(b->encoder, 1, done, false);
        size_t first = done;
        while (done < b->workload->count && done - first < per_batch &&
               batch_encoder_add(b->encoder, b->workload->records[done], b->workload->records[done]->size) == 0)
            done++;
        if (done == first ||
            batch_encoder_pack(b->encoder, 0, b->packed + used, WIRE_REQUEST_BYTES, &b->sizes[b->n_batches]) != 0)
            fail("a record does not encode");
        used += b->sizes[b->n_batches++];
    }
    return used;
}

static size_t encode_rowwise(struct bench *b, size_t per_batch)
{
    size_t used = 0;
    for (size_t done = 0; done < b->workload->count; done += per_batch) {
        size_t count = b->workload->count - done < per_batch ? b->workload->count - done : per_batch;
        size_t size = rowwise_encode(b->rowwise, b->workload->records + done, count, b->packed + used, ROWWISE_BYTES);
        if (size == 0)
            fail("a row-wise batch does not encode");
        b->sizes[b->n_batches++] = size;
        used += size;
    }
    return used;
}

static uint64_t sum_event(const struct decoder *decoder, const struct event_view *view)
{
    uint64_t sum = view->time_ns + view->task->tgid + view->schema->id + (uint64_t)view->ret + view->task->comm.length;
    for (uint32_t a = 0; a < view->schema->n_args; a++) {
        const struct value *value = &view->args[a];
        if (arg_type_shape(view->schema->args[a].type) == SHAPE_TEXT)
            sum += value->string.state + value->string.length +
                   (value->string.length > 0 ? (unsigned char)value->string.data[0] : 0);
        else if (arg_type_shape(view->schema->args[a].type) == SHAPE_LIST)
            for (uint32_t i = 0; i < value->list.count; i++)
                sum += decoder_list_item(decoder, value, i).length;
        else
            sum += value->u;
    }
    return sum;
}

static void decode_columnar(struct bench *b)
{
    const uint8_t *at = b->packed;
    size_t rows = 0;
    for (size_t i = 0; i < b->n_batches; at += b->sizes[i++]) {
        const Vedette__V1__Request *request = NULL;
        struct event_view view;
        if (decoder_unpack(b->decoder, at, b->sizes[i], &request) != 0 ||
            decoder_open_batch(b->decoder, request->batch, b->schema) != 0)
            fail(decoder_error(b->decoder));
        for (; decoder_next(b->decoder, &view); rows++)
            sink += sum_event(b->decoder, &view);
    }
    if (rows != b->workload->count)
        fail("rows are missing");
}

static void decode_rowwise(struct bench *b)
{
    const uint8_t *at = b->packed;
    for (size_t i = 0; i < b->n_batches; at += b->sizes[i++]) {
        uint64_t sum = rowwise_decode(b->rowwise, at, b->sizes[i]);
        if (sum == 0)
            fail("a row-wise batch does not decode");
        sink += sum;
    }
}

static void run(struct bench *b, enum codec codec, size_t per_batch, struct result *result, int index)
{
    double count = (double)b->workload->count;
    b->n_batches = 0;
    double start = now_ns();
    size_t bytes = codec == COLUMNAR ? encode_columnar(b, per_batch) : encode_rowwise(b, per_batch);
    double middle = now_ns();
    if (codec == COLUMNAR)
        decode_columnar(b);
    else
        decode_rowwise(b);
    double end = now_ns();
    result->encode_ns[index] = (middle - start) / count;
    result->decode_ns[index] = (end - middle) / count;
    result->bytes = (double)bytes / count;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void print_runs(double *runs)
{
    qsort(runs, RUNS, sizeof(*runs), by_value);
    printf(" | %5.0f [%.0f..%.0f]", runs[RUNS / 2], runs[0], runs[RUNS - 1]);
}

static void measure(struct bench *b, const char *strings, size_t per_batch)
{
    static const char *const names[CODECS] = {"columnar", "row-wise"};
    static struct result results[CODECS], warm;
    for (enum codec codec = 0; codec < CODECS; codec++)
        run(b, codec, per_batch, &warm, 0);
    for (int i = 0; i < RUNS; i++)
        for (enum codec codec = 0; codec < CODECS; codec++)
            run(b, codec, per_batch, &results[codec], i);
    for (enum codec codec = 0; codec < CODECS; codec++) {
        printf("| %s | %s | %zu", names[codec], strings, per_batch);
        print_runs(results[codec].encode_ns);
        print_runs(results[codec].decode_ns);
        printf(" | %.1f |\n", results[codec].bytes);
    }
}

int main(void)
{
    static const size_t sizes[] = {4096, 512, 128};
    struct bench b = {
        .encoder = batch_encoder_new(WIRE_REQUEST_BYTES),
        .decoder = decoder_new(WIRE_REQUEST_BYTES),
        .schema = schema_new_builtin(),
        .rowwise = rowwise_new(4096, ROWWISE_ARENA),
        .packed = malloc(PACKED_BYTES),
        .sizes = calloc(EVENTS, sizeof(size_t)),
    };
    if (b.encoder == NULL || b.decoder == NULL || b.schema == NULL || b.rowwise == NULL || b.packed == NULL ||
        b.sizes == NULL)
        fail("out of memory");
    printf("%d events, %d runs in turns: median [lowest..highest]\n\n", EVENTS, RUNS);
    printf("| format | strings | events a batch | encode ns an event | decode to rows ns an event | bytes an event "
           "|\n|---|---|---|---|---|---|\n");
    for (int uniform = 0; uniform < 2; uniform++) {
        b.workload = workload_new(EVENTS, 20261101, uniform);
        if (b.workload == NULL || b.workload->count != EVENTS)
            fail("no workload");
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
            measure(&b, uniform ? "uniform" : "skewed", sizes[i]);
        workload_free(b.workload);
    }
    free(b.sizes);
    free(b.packed);
    rowwise_free(b.rowwise);
    schema_free(b.schema);
    decoder_free(b.decoder);
    batch_encoder_free(b.encoder);
    return 0;
}
