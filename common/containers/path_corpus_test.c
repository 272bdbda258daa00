// SPDX-License-Identifier: Apache-2.0
/* The fuzz target without a fuzzer: every kept input once, each cut at every length and with each byte changed. */
#include <dirent.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_BYTES = 4096 };

/* In memory of exactly its size, so that a sanitizer sees a step beyond it. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size + (size == 0));
    if (exact == NULL)
        abort();
    memcpy(exact, data, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

static void run_variants(uint8_t *data, size_t size)
{
    static const uint8_t others[] = {'/', '-', '.', ':', '0', 0, 0xff};
    for (size_t length = 0; length <= size; length++) {
        run(data, length);
        run(data + length, size - length);
    }
    for (size_t i = 0; i < size; i++) {
        uint8_t kept = data[i];
        for (size_t j = 0; j < sizeof(others); j++) {
            data[i] = others[j];
            run(data, size);
        }
        data[i] = kept;
    }
}

int main(int argc, char **argv)
{
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    size_t n = 0;
    if (folder == NULL) {
        fprintf(stderr, "usage: container_path_corpus_test FOLDER\n");
        return 2;
    }
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char path[4096];
        uint8_t data[INPUT_BYTES];
        snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
        FILE *file = entry->d_name[0] != '.' ? fopen(path, "rbe") : NULL;
        if (file == NULL)
            continue;
        run_variants(data, fread(data, 1, sizeof(data), file));
        fclose(file);
        n++;
    }
    closedir(folder);
    printf("%zu inputs\n", n);
    return n > 0 ? 0 : 1;
}
