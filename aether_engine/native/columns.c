/* Columns of numbers: streams that go on as they should, and hashes that occur twice or not at all. */

#include "native.h"

#include <stdlib.h>
#include <string.h>

/* --- Streams */

/* The last version, time and place of each of `count` actors by number, and the hashes of their ids. */
typedef struct {
    int64_t *versions, *sequences;
    double *moments;
    const int64_t *names;
    int64_t count;
} Streams;

/* Events of one log, a column for each field. */
typedef struct {
    const int64_t *sequences, *actors, *names, *versions;
    const double *moments;
    int64_t count;
} Events;

/* Takes in events as long as each is the next one of the actor it is filed under; returns how many were. */
EXPORTED int64_t take_events(const Streams *streams, const Events *events) {
    for (int64_t index = 0; index < events->count; index++) {
        int64_t actor = events->actors[index], version = events->versions[index];
        if (actor < 0 || actor >= streams->count || streams->names[actor] != events->names[index] ||
            version < 1 || version - 1 != streams->versions[actor] ||
            !(events->moments[index] >= streams->moments[actor]))
            return index;
        streams->versions[actor] = version;
        streams->moments[actor] = events->moments[index];
        streams->sequences[actor] = events->sequences[index];
    }
    return events->count;
}

/* --- Sets of hashes */

#define BUCKETS 256

/* Numbers in buckets by their highest bits, as hashes are spread: bucket `b` ends at `ends[b]`. */
typedef struct {
    int64_t *numbers;
    int64_t ends[BUCKETS];
} Buckets;

static int bucket_of(int64_t number) { return (int)((uint64_t)number >> 56); }

static int64_t start_of(const Buckets *buckets, int bucket) { return bucket ? buckets->ends[bucket - 1] : 0; }

static int64_t length_of(const Buckets *buckets, int bucket) {
    return buckets->ends[bucket] - start_of(buckets, bucket);
}

static int divide(const int64_t *numbers, int64_t count, Buckets *buckets) {
    int64_t places[BUCKETS] = {0};
    buckets->numbers = malloc((size_t)(count ? count : 1) * sizeof *numbers);
    if (!buckets->numbers)
        return 0;
    for (int64_t index = 0; index < count; index++)
        places[bucket_of(numbers[index])]++;
    for (int64_t bucket = 0, end = 0; bucket < BUCKETS; bucket++) {
        int64_t length = places[bucket];
        places[bucket] = end;
        buckets->ends[bucket] = end += length;
    }
    for (int64_t index = 0; index < count; index++)
        buckets->numbers[places[bucket_of(numbers[index])]++] = numbers[index];
    return 1;
}

/* An open hash table of numbers that are not 0. */
typedef struct {
    int64_t *slots;
    uint64_t mask;
} Table;

/* A table for any one of the buckets; `clear` it for each. */
static int make_table(const Buckets *buckets, Table *table) {
    uint64_t size = 16;
    for (int bucket = 0; bucket < BUCKETS; bucket++)
        while (size < 2 * (uint64_t)length_of(buckets, bucket))
            size *= 2;
    table->mask = size - 1;
    table->slots = malloc(size * sizeof *table->slots);
    return table->slots != NULL;
}

static void clear(Table *table) { memset(table->slots, 0, (table->mask + 1) * sizeof *table->slots); }

/* Where a number is, or would be. */
static int64_t *slot_of(const Table *table, int64_t number) {
    uint64_t place = (uint64_t)number & table->mask;
    while (table->slots[place] && table->slots[place] != number)
        place = (place + 1) & table->mask;
    return &table->slots[place];
}

/* Writes the numbers (but 0) that occur among the ones in front of them to `found`, which has room for all of them.
 *
 * Returns how many, -1 without memory. */
EXPORTED int64_t find_repeated(const int64_t *numbers, int64_t count, int64_t *found) {
    Buckets buckets = {NULL, {0}};
    Table table = {NULL, 0};
    int64_t result = -1;
    if (divide(numbers, count, &buckets) && make_table(&buckets, &table)) {
        result = 0;
        for (int bucket = 0; bucket < BUCKETS; bucket++) {
            clear(&table);
            for (int64_t index = start_of(&buckets, bucket); index < buckets.ends[bucket]; index++) {
                int64_t number = buckets.numbers[index], *slot = slot_of(&table, number);
                if (number && *slot)
                    found[result++] = number;
                *slot = number;
            }
        }
    }
    free(table.slots);
    free(buckets.numbers);
    return result;
}

/* Leaves of `numbers` those (but 0) that are not among `others`; returns how many, -1 without memory. */
EXPORTED int64_t remove_known(int64_t *numbers, int64_t count, const int64_t *others, int64_t other_count) {
    Buckets mine = {NULL, {0}}, theirs = {NULL, {0}};
    Table table = {NULL, 0};
    int64_t result = -1;
    if (divide(numbers, count, &mine) && divide(others, other_count, &theirs) && make_table(&theirs, &table)) {
        result = 0;
        for (int bucket = 0; bucket < BUCKETS; bucket++) {
            clear(&table);
            for (int64_t index = start_of(&theirs, bucket); index < theirs.ends[bucket]; index++)
                *slot_of(&table, theirs.numbers[index]) = theirs.numbers[index];
            for (int64_t index = start_of(&mine, bucket); index < mine.ends[bucket]; index++)
                if (mine.numbers[index] && !*slot_of(&table, mine.numbers[index]))
                    numbers[result++] = mine.numbers[index];
        }
    }
    free(table.slots);
    free(theirs.numbers);
    free(mine.numbers);
    return result;
}

/* Copies every `step`th number whose turn it is when there are `shares` of them; returns how many. */
EXPORTED int64_t copy_share(const int64_t *numbers, int64_t count, int64_t step, uint64_t share, uint64_t shares,
                            int64_t *copies) {
    int64_t result = 0;
    for (int64_t index = step - 1; index < count; index += step)
        if (((uint64_t)numbers[index] >> 20) % shares == share)
            copies[result++] = numbers[index];
    return result;
}
