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

/* --- One row after the other */

/* So many rows wait for their ids to be hashed side by side. */
#define GROUP 4
#define LONGEST_HASHED 128

/* A row that is in order, but for what it says of the event's id. */
typedef struct {
    Row row;
    Document document;
    double moment, delay;
} Candidate;

/* `position` is where the next row must be, `latest` when the one in front of it was recorded. */
typedef struct {
    const Question *question;
    Answer *answer;
    int64_t base, position, latest;
    uint8_t prefix_bytes[24];
    Text prefix;
    Candidate group[GROUP];
    int waiting;
} Reading;

/* Whether the row is what an event of this place should be, and its bytes are that event. */
static int is_candidate(const Reading *reading, Candidate *found) {
    const Question *question = reading->question;
    const Row *row = &found->row;
    Document *document = &found->document;
    int64_t sequence = reading->position - reading->base, recorded = row->recorded;
    /* Times beyond are no times of ours, and not to be reckoned with. */
    if (recorded < reading->latest || recorded >= 1LL << 52)
        return 0;
    uint32_t seed = (uint32_t)(question->namespace_number ^ sequence ^ row->version ^ recorded ^ recorded >> 32);
    if (crc32_from(seed, row->raw.at, row->raw.length) != (uint64_t)row->sum || !read_document(row->raw, document) ||
        document->version != row->version || !is_type(&question->types, row->type, document->event_type) ||
        document->id.length + reading->prefix.length > LONGEST_HASHED)
        return 0;
    /* As Python reckons it, to the last bit: whole seconds may lie on the line. */
    found->moment = (double)document->microseconds / 1e6;
    found->delay = (double)recorded / 1e6 - found->moment;
    return found->delay >= -question->ahead;
}

static void note(const Question *question, Answer *answer, int64_t sequence, const Candidate *found) {
    const Document *document = &found->document;
    int64_t n = answer->rows++;
    if (found->delay > question->behind)
        answer->late[answer->late_count++] = sequence;
    if (document->cause.length) {
        answer->causes[answer->cause_count++] = sequence;
        answer->causes[answer->cause_count++] = keyed_hash(question->key, document->cause);
    }
    if (document->command_id.length)
        answer->commands[answer->command_count++] = keyed_hash(question->key, document->command_id);
    answer->sequences[n] = sequence;
    answer->actors[n] = found->row.actor;
    answer->names[n] = keyed_hash(question->key, document->actor_id);
    answer->versions[n] = found->row.version;
    answer->ids[n] = keyed_hash(question->key, document->id);
    answer->moments[n] = found->moment;
    answer->size_bytes += (int64_t)found->row.raw.length;
    answer->high_sum += (int32_t)big_endian(found->row.id_hash.at, 4);
    answer->low_sum += big_endian(found->row.id_hash.at + 4, 4);
    if (!n)
        answer->first_recorded = found->row.recorded;
    answer->last_recorded = found->row.recorded;
}

/* Takes in the rows that wait, up to the first that has not the hash of its event's id; whether there was none. */
static int take_in(Reading *reading) {
    Text ids[GROUP] = {{NULL, 0}};
    uint8_t digests[GROUP][16];
    int count = reading->waiting;
    for (int index = 0; index < count; index++)
        ids[index] = reading->group[index].document.id;
    blake2b_16(reading->prefix, ids, count, digests);
    int64_t sequence = reading->position - reading->base - count;
    reading->waiting = 0;
    for (int index = 0; index < count; index++) {
        const Candidate *found = &reading->group[index];
        if (memcmp(digests[index], found->row.id_hash.at, sizeof digests[index]))
            return 0;
        note(reading->question, reading->answer, sequence + index, found);
    }
    return 1;
}

/* Takes in the rows of a leaf, which are gone when the next page is read; 0 where one is not plainly in order. */
static int read_leaf(Reading *reading, const Page *page) {
    int is_sound = 1;
    for (uint32_t index = 0; is_sound && index < page->count && reading->position <= reading->question->last; index++) {
        const uint8_t *payload, *end;
        int64_t row_id;
        Candidate *found = &reading->group[reading->waiting];
        is_sound = read_row(page, index, &row_id, &payload, &end) && row_id <= reading->position;
        if (!is_sound || row_id < reading->position)
            continue;
        is_sound = read_event_row(payload, end, &found->row) && is_candidate(reading, found);
        if (!is_sound)
            continue;
        reading->latest = found->row.recorded;
        reading->position++;
        if (++reading->waiting == GROUP)
            is_sound = take_in(reading);
    }
    /* Those in front of the one that is not in order are, if their ids' hashes are. */
    return take_in(reading) && is_sound;
}

/* Reads rows as long as they are plainly in order; returns how many. */
EXPORTED int64_t read_sound_rows(const Question *question, Answer *answer) {
    if (!is_of_namespace(question))
        return 0;
    Walk walk;
    Reading reading = {.question = question, .answer = answer, .position = question->first};
    reading.base = question->namespace_number << 40;
    reading.prefix = (Text){reading.prefix_bytes, write_prefix(question->namespace_number, reading.prefix_bytes)};
    int is_sound = begin_walk(&walk, &question->file) && seek_row(&walk, question->root, question->first);
    while (is_sound && reading.position <= question->last) {
        int64_t before = reading.position;
        is_sound = read_leaf(&reading, leaf_of(&walk)) && reading.position > before && next_leaf(&walk);
    }
    end_walk(&walk);
    return answer->rows;
}
