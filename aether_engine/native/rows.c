/* Rows of a log, looked at one after the other as long as they are plainly in order. */

#include "native.h"

#include <string.h>

enum { ACTOR_COLUMN = 1, VERSION_COLUMN, TYPE_COLUMN, ID_COLUMN, RECORDED_COLUMN, SUM_COLUMN, RAW_COLUMN, COLUMNS };

/* Names of types by their numbers: each ends in `bytes` at `ends[number]`, where the next one begins. */
typedef struct {
    const uint8_t *bytes;
    const uint32_t *ends;
    uint32_t count;
} Names;

/* What is asked: the rows `first` to `last` of the table at `root`, by row ids. */
typedef struct {
    File file;
    uint32_t root;
    int64_t first, last;
    int64_t namespace_number;
    uint64_t key[2];
    double ahead, behind; /* seconds that clocks may go wrong */
    Names types;
} Question;

/* What came of it. Each array has room for all rows; `causes`, of sequences and hashes, for twice as many. */
typedef struct {
    int64_t *sequences, *actors, *names, *versions, *ids, *commands, *causes, *late;
    double *moments;
    int64_t rows, command_count, cause_count, late_count;
    int64_t size_bytes, first_recorded, last_recorded;
    int64_t high_sum, low_sum; /* of the halves of the first eight bytes of id hashes, the high ones signed */
} Answer;

typedef struct {
    int64_t actor, version, type, recorded, sum;
    Text id_hash, raw;
} Row;

static int read_event_row(const uint8_t *payload, const uint8_t *end, Row *row) {
    Record record;
    return read_record(payload, end, COLUMNS, &record) && record.types[0] == 0 &&
           integer_of(&record, ACTOR_COLUMN, &row->actor) && integer_of(&record, VERSION_COLUMN, &row->version) &&
           integer_of(&record, TYPE_COLUMN, &row->type) && integer_of(&record, RECORDED_COLUMN, &row->recorded) &&
           integer_of(&record, SUM_COLUMN, &row->sum) && bytes_of(&record, ID_COLUMN, 0, &row->id_hash) &&
           bytes_of(&record, RAW_COLUMN, 0, &row->raw) && row->id_hash.length == 16;
}

static int is_type(const Names *names, int64_t number, Text type) {
    if (number < 0 || number >= names->count)
        return 0;
    uint32_t start = number ? names->ends[number - 1] : 0, end = names->ends[number];
    return end - start == type.length && !memcmp(names->bytes + start, type.at, type.length);
}

/* Whether the row is what an event of this place should be, and its bytes are that event. */
static int is_sound(const Question *question, int64_t position, const Row *row, Document *document,
                    const uint8_t *prefix, size_t prefix_length) {
    int64_t sequence = position - (question->namespace_number << 40), recorded = row->recorded;
    uint32_t seed = (uint32_t)(question->namespace_number ^ sequence ^ row->version ^ recorded ^ recorded >> 32);
    if (crc32_from(seed, row->raw.at, row->raw.length) != (uint64_t)row->sum || !read_document(row->raw, document) ||
        document->version != row->version || !is_type(&question->types, row->type, document->event_type) ||
        document->id.length + prefix_length > 128)
        return 0;
    uint8_t digest[16];
    blake2b_16(prefix, prefix_length, document->id, digest);
    return !memcmp(digest, row->id_hash.at, sizeof digest);
}

/* Whether all the rows are of the namespace, which is one that row ids have room for. */
static int is_of_namespace(const Question *question) {
    int64_t number = question->namespace_number, first = question->first, last = question->last;
    return number >= 0 && number <= INT64_MAX >> 40 && first >= 0 && first <= last && first >> 40 == number &&
           last >> 40 == number && last < INT64_MAX;
}

static size_t write_prefix(int64_t number, uint8_t prefix[24]) {
    uint8_t reversed[24];
    size_t length = 0, count = 0;
    do
        reversed[length++] = (uint8_t)('0' + number % 10);
    while (number /= 10);
    while (length)
        prefix[count++] = reversed[--length];
    prefix[count++] = ':';
    return count;
}

EXPORTED int64_t read_sound_rows(const Question *question, Answer *answer) {
    if (!is_of_namespace(question))
        return 0;
    Walk walk;
    uint8_t prefix[24];
    size_t prefix_length = write_prefix(question->namespace_number, prefix);
    int64_t base = question->namespace_number << 40, position = question->first;
    int is_there = begin_walk(&walk, &question->file) && seek_row(&walk, question->root, position);
    while (is_there && position <= question->last) {
        const Page *page = leaf_of(&walk);
        int64_t before = position;
        for (uint32_t index = 0; index < page->count && position <= question->last; index++) {
            const uint8_t *payload, *end;
            int64_t row_id, n = answer->rows;
            Row row;
            Document document;
            if (!read_row(page, index, &row_id, &payload, &end) || row_id > position)
                goto over;
            if (row_id < position)
                continue;
            if (!read_event_row(payload, end, &row) || row.recorded < 0 ||
                (n && row.recorded < answer->last_recorded) || row.recorded >= 1LL << 52 ||
                !is_sound(question, position, &row, &document, prefix, prefix_length))
                goto over;
            /* As Python reckons it, to the last bit: whole seconds may lie on the line. */
            double moment = (double)document.microseconds / 1e6, delay = (double)row.recorded / 1e6 - moment;
            if (delay < -question->ahead)
                goto over;
            if (delay > question->behind)
                answer->late[answer->late_count++] = position - base;
            if (document.cause.length) {
                answer->causes[answer->cause_count++] = position - base;
                answer->causes[answer->cause_count++] = keyed_hash(question->key, document.cause);
            }
            if (document.command_id.length)
                answer->commands[answer->command_count++] = keyed_hash(question->key, document.command_id);
            answer->sequences[n] = position - base;
            answer->actors[n] = row.actor;
            answer->names[n] = keyed_hash(question->key, document.actor_id);
            answer->versions[n] = row.version;
            answer->ids[n] = keyed_hash(question->key, document.id);
            answer->moments[n] = moment;
            answer->size_bytes += (int64_t)row.raw.length;
            answer->high_sum += (int32_t)big_endian(row.id_hash.at, 4);
            answer->low_sum += big_endian(row.id_hash.at + 4, 4);
            if (!n)
                answer->first_recorded = row.recorded;
            answer->last_recorded = row.recorded;
            answer->rows = n + 1;
            position++;
        }
        if (position == before || position > question->last)
            break;
        is_there = next_leaf(&walk);
    }
over:
    end_walk(&walk);
    return answer->rows;
}
