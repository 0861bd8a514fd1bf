/* The list of actors: the hashes of their ids, and what the file counts for them. */

#include "native.h"

enum { NAMESPACE_COLUMN = 1, NAME_COLUMN, EVENTS_COLUMN, VERSION_COLUMN, SEQUENCE_COLUMN, COLUMNS };

/* What is asked: the rows from number `first` on of the table at `root`. */
typedef struct {
    File file;
    uint32_t root;
    int64_t first;
    uint64_t key[2];
} Question;

/* An entry for each number from `first` on, of which there is room for `room`; all zeros where there is no row.
 *
 * `length` of them come to the last row. `next` is the number of the one behind those, -1 at the end. */
typedef struct {
    int64_t *hashes, *namespaces, *events, *versions, *sequences;
    int64_t room, length, next;
} Answer;

static int read_actor(const uint8_t *payload, const uint8_t *end, const Question *question, int64_t n,
                      Answer *answer) {
    Record record;
    Text name;
    if (!read_record(payload, end, COLUMNS, &record) || record.types[0] != 0 ||
        !integer_of(&record, NAMESPACE_COLUMN, &answer->namespaces[n]) ||
        !integer_of(&record, EVENTS_COLUMN, &answer->events[n]) ||
        !integer_of(&record, VERSION_COLUMN, &answer->versions[n]) ||
        !integer_of(&record, SEQUENCE_COLUMN, &answer->sequences[n]) || !bytes_of(&record, NAME_COLUMN, 1, &name) ||
        !is_simple(name))
        return 0;
    answer->hashes[n] = keyed_hash(question->key, name);
    return 1;
}

/* Takes in the rows of a leaf; 0 for one that is not in order. */
static int read_leaf(const Page *page, const Question *question, int64_t *latest, Answer *answer) {
    for (uint32_t index = 0; index < page->count; index++) {
        const uint8_t *payload, *end;
        int64_t number;
        if (!read_row(page, index, &number, &payload, &end) || number <= *latest)
            return 0;
        *latest = number;
        if (number < question->first)
            continue;
        int64_t n = number - question->first;
        if (n >= answer->room) {
            answer->next = number;
            return 1;
        }
        if (!read_actor(payload, end, question, n, answer))
            return 0;
        answer->length = n + 1;
    }
    return 1;
}

/* Reads actors; 0 where they are not plainly in order. */
EXPORTED int32_t read_actors(const Question *question, Answer *answer) {
    Walk walk;
    int64_t latest = INT64_MIN;
    answer->length = 0;
    answer->next = -1;
    int is_sound = question->first >= 0 && begin_walk(&walk, &question->file) &&
                   seek_row(&walk, question->root, question->first);
    if (is_sound)
        do
            is_sound = leaf_of(&walk)->kind == LEAF_TABLE && read_leaf(leaf_of(&walk), question, &latest, answer);
        while (is_sound && answer->next < 0 && next_leaf(&walk));
    is_sound = is_sound && (answer->next >= 0 || !walk.is_lost);
    if (question->first >= 0)
        end_walk(&walk);
    return is_sound;
}
