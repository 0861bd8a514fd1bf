/* Feeds the sources of the library what no program wrote, to be built with sanitizers, which end it at a fault.
 *
 * fuzz FILE PAGE_SIZE EVENTS ACTORS IDS VERSIONS DOCUMENTS SEED ROUNDS: the pages at which trees begin, and a file
 * of events, one a line. Each round has a damaged file, a few damaged events, and columns of any numbers. Questions
 * are laid out as in the sources, and as Python lays them out.
 */

#include "native.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ROWS 300
#define NAMESPACES 2
#define DOCUMENTS_A_ROUND 8

typedef struct {
    const uint8_t *bytes;
    const uint32_t *ends;
    uint32_t count;
} Names;

typedef struct {
    File file;
    uint32_t root;
    int64_t first, last, namespace_number;
    uint64_t key[2];
    double ahead, behind;
    Names types;
} RowQuestion;

typedef struct {
    int64_t *columns[8];
    double *moments;
    int64_t numbers[9];
} RowAnswer;

typedef struct {
    File file;
    uint32_t root;
    int64_t first;
    uint64_t key[2];
} ActorQuestion;

typedef struct {
    int64_t *columns[5];
    int64_t room, length, next;
} ActorAnswer;

typedef struct {
    File file;
    uint32_t root;
    int32_t is_table;
    uint8_t *seen;
    Sums sums;
} Tree;

int64_t read_sound_rows(const RowQuestion *question, RowAnswer *answer);
int32_t read_actors(const ActorQuestion *question, ActorAnswer *answer);
int64_t read_tree(Tree *tree);

typedef struct {
    int64_t *versions, *sequences;
    double *moments;
    const int64_t *names;
    int64_t count;
} Streams;

typedef struct {
    const int64_t *sequences, *actors, *names, *versions;
    const double *moments;
    int64_t count;
} Events;

int64_t take_events(const Streams *streams, const Events *events);
int64_t find_repeated(const int64_t *numbers, int64_t count, int64_t *found);
int64_t remove_known(int64_t *numbers, int64_t count, const int64_t *others, int64_t other_count);
int64_t copy_share(const int64_t *numbers, int64_t count, int64_t step, uint64_t share, uint64_t shares,
                   int64_t *copies);
void hash_texts(const uint64_t key[2], const uint8_t *bytes, const int64_t *ends, int64_t count, int64_t *hashes);

static const uint64_t hash_key[2] = {1, 2};

typedef struct {
    uint8_t *bytes;
    size_t length;
} Content;

static uint64_t state;
static uint64_t sound_rows, sound_documents, sound_trees, sound_actors;

static uint64_t dice(uint64_t sides) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return sides ? state % sides : 0;
}

static void *room_for(size_t length) {
    void *room = calloc(length ? length : 1, 1);
    if (!room)
        exit(2);
    return room;
}

static Content content_of(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file)
        exit(2);
    fseek(file, 0, SEEK_END);
    Content content = {NULL, (size_t)ftell(file)};
    rewind(file);
    content.bytes = room_for(content.length);
    if (fread(content.bytes, 1, content.length, file) != content.length)
        exit(2);
    fclose(file);
    return content;
}

/* --- Files */

static uint8_t odd_byte(void) {
    static const uint8_t odd[] = {0x00, 0x01, 0x02, 0x05, 0x0A, 0x0D, 0x7F, 0x80, 0x81, 0xFF};
    return dice(2) ? odd[dice(sizeof odd)] : (uint8_t)dice(256);
}

static void spoil(Content *content, size_t at) {
    if (at >= content->length)
        return;
    if (dice(2))
        content->bytes[at] ^= (uint8_t)(1 << dice(8));
    else
        for (uint64_t left = 1 + dice(10); left && at < content->length; left--)
            content->bytes[at++] = odd_byte();
}

static void damage(Content *content, size_t size) {
    size_t pages = content->length / size;
    if (!pages)
        return;
    size_t start = dice(pages) * size, other = dice(pages) * size;
    uint8_t *page = content->bytes + start;
    size_t header = start ? 0 : 100, count = (size_t)page[header + 3] << 8 | page[header + 4];
    size_t pointer = header + 8 + 4 * dice(2) + 2 * dice(count < size / 8 ? count : size / 8);
    size_t cell = pointer + 1 < size ? (size_t)page[pointer] << 8 | page[pointer + 1] : 0;
    switch (dice(9)) {
    case 0:
        spoil(content, start + dice(size));
        break;
    case 1:
        spoil(content, start + header + dice(12));
        break;
    case 2:
        spoil(content, start + pointer);
        break;
    case 3:
    case 4:
        spoil(content, start + cell + dice(24));
        break;
    case 5:
        memset(page, (int)odd_byte(), size);
        break;
    case 6:
        memmove(content->bytes + other, page, size);
        break;
    case 7:
        /* Pages that have each other below them. */
        for (int byte = 0; byte < 4; byte++)
            page[(header + 8 + (size_t)byte) % size] = (uint8_t)((other / size + 1) >> 8 * (3 - byte));
        page[header] = dice(2) ? INTERIOR_TABLE : INTERIOR_INDEX;
        break;
    default:
        if (!dice(4))
            content->length = dice(content->length);
    }
}

static void read_rows(const File *file, uint32_t root, int64_t number) {
    static const uint8_t names[] = "OrderPlacedOrderPaidOrderPackedOrderShippedOrderClosed";
    uint32_t *ends = room_for(6 * sizeof *ends);
    const uint32_t lengths[] = {0, 11, 9, 11, 12, 11};
    for (int index = 1; index < 6; index++)
        ends[index] = ends[index - 1] + lengths[index];
    int64_t base = (int64_t)((uint64_t)number << 40), count = 1 + (int64_t)dice(ROWS);
    RowQuestion question = {*file, root, base + 1 + (int64_t)dice(ROWS), 0, number, {1, 2}, 300, 86400,
                            {names, ends, 6}};
    question.last = question.first + count - 1;
    RowAnswer answer = {{NULL}, NULL, {0}};
    for (int column = 0; column < 8; column++)
        answer.columns[column] = room_for((size_t)count * (column == 6 ? 16 : 8));
    answer.moments = room_for((size_t)count * 8);
    sound_rows += (uint64_t)read_sound_rows(&question, &answer);
    for (int column = 0; column < 8; column++)
        free(answer.columns[column]);
    free(answer.moments);
    free(ends);
}

static void read_list(const File *file, uint32_t root) {
    int64_t room = 1 + (int64_t)dice(200);
    ActorQuestion question = {*file, root, (int64_t)dice(3) * 50, {1, 2}};
    ActorAnswer answer = {{NULL}, room, 0, 0};
    for (int column = 0; column < 5; column++)
        answer.columns[column] = room_for((size_t)room * 8);
    sound_actors += (uint64_t)read_actors(&question, &answer);
    for (int column = 0; column < 5; column++)
        free(answer.columns[column]);
}

static void read_whole(const File *file, uint32_t root, int32_t kind) {
    IdSums *ids = room_for(NAMESPACES * sizeof *ids);
    for (int64_t number = 0; number < NAMESPACES; number++) {
        ids[number].first = (number + 1) << 40;
        ids[number].last = ids[number].first + ROWS;
    }
    Tree tree = {.file = *file, .root = root, .is_table = kind < 2, .seen = room_for(file->page_count / 8 + 1)};
    tree.sums.kind = kind;
    tree.sums.ids = ids;
    tree.sums.id_ranges = NAMESPACES;
    sound_trees += (uint64_t)read_tree(&tree);
    free(tree.seen);
    free(ids);
}

static void round_of_files(const Content *whole, size_t size, const uint32_t roots[4], int descriptor) {
    Content content = {room_for(whole->length), whole->length};
    memcpy(content.bytes, whole->bytes, whole->length);
    for (uint64_t times = dice(3) ? dice(4) : dice(60); times; times--)
        damage(&content, size);
    if (ftruncate(descriptor, 0) || pwrite(descriptor, content.bytes, content.length, 0) < 0)
        exit(2);
    free(content.bytes);
    File file = {descriptor, (uint32_t)size, (uint32_t)(content.length / size)};
    /* A file may shrink while it is read. */
    if (!dice(8))
        file.page_count += (uint32_t)dice(3);
    uint32_t events = dice(20) ? roots[0] : (uint32_t)dice(file.page_count + 2);
    read_rows(&file, events, 1 + (int64_t)dice(NAMESPACES));
    if (!dice(50))
        read_rows(&file, events, (int64_t)(state >> dice(64)));
    read_list(&file, roots[1]);
    read_whole(&file, roots[0], 1);
    read_whole(&file, roots[3], 2);
    read_whole(&file, roots[2], 3);
    read_whole(&file, 1, 0);
}

/* --- Events */

static size_t insert(uint8_t *text, size_t length, size_t room, const uint8_t *what, size_t size) {
    size_t at = dice(length + 1);
    if (length + size > room)
        return length;
    memmove(text + at + size, text + at, length - at);
    memcpy(text + at, what, size);
    return length + size;
}

static size_t spoil_text(uint8_t *text, size_t length, size_t room) {
    static const char *const pieces[] = {
        "\"", "\\", "\\u00", "\\u0061", "\\ud83d\\ude00", "\\ud83d", "{", "}", "[", "]", ":", ",", "null", "1e9", "-0",
        "0.5", "\"id\":\"x\",", "\"data\":{\"a\":{\"a\":1}},", "\"a\":", "\xc3\xa4", "\xed\xa0\x80", "\xf0\x9f\x98\x80",
        " ", "\n", "[[[[[[[[[[[[[[[[[[[[[[[[[", "{\"a\":{\"a\":{\"a\":{\"a\":", "999999999999999999", "\x7f"};
    const char *piece = pieces[dice(sizeof pieces / sizeof *pieces)];
    size_t at = dice(length ? length : 1), part = dice(1 + length - at) % 64;
    switch (dice(5)) {
    case 0:
        if (length)
            text[at] ^= (uint8_t)(1 << dice(8));
        return length;
    case 1:
        return insert(text, length, room, (const uint8_t *)piece, strlen(piece));
    case 2:
        memmove(text + at, text + at + part, length - at - part);
        return length - part;
    case 3:
        return dice(4) ? length : dice(length + 1);
    default: {
        uint8_t copy[64];
        memcpy(copy, text + at, part);
        return insert(text, length, room, copy, part);
    }
    }
}

static void check_inside(Text text, Text raw) {
    if (text.length && (text.at < raw.at || text.at + text.length > raw.at + raw.length))
        abort();
}

/* Reads a text that nothing lies behind but padding, which must make no difference. */
static void read_event(const uint8_t *text, size_t length) {
    Document documents[2];
    int sound[2];
    for (int turn = 0; turn < 2; turn++) {
        uint8_t *bytes = room_for(length + PADDING);
        memcpy(bytes, text, length);
        for (size_t index = 0; index < PADDING; index++)
            bytes[length + index] = turn ? (uint8_t)dice(256) : '"';
        Text raw = {bytes, length};
        Document *document = &documents[turn];
        sound[turn] = read_document(raw, document);
        is_simple(raw);
        if (sound[turn]) {
            check_inside(document->id, raw);
            check_inside(document->event_type, raw);
            check_inside(document->actor_id, raw);
            check_inside(document->command_id, raw);
            check_inside(document->cause, raw);
        }
        free(bytes);
    }
    if (sound[0] != sound[1] || (sound[0] && (documents[0].version != documents[1].version ||
                                              documents[0].cause.length != documents[1].cause.length)))
        abort();
    sound_documents += (uint64_t)sound[0];
}

static void round_of_events(const Content *documents) {
    size_t start = dice(documents->length), end, room = 1 << 14;
    uint8_t *text = room_for(room);
    while (start && documents->bytes[start - 1] != '\n')
        start--;
    for (end = start; end < documents->length && documents->bytes[end] != '\n';)
        end++;
    size_t length = end - start < room ? end - start : room;
    memcpy(text, documents->bytes + start, length);
    for (uint64_t times = dice(4); times; times--)
        length = spoil_text(text, length, room);
    read_event(text, length);
    free(text);
}

/* --- Columns */

static int64_t *numbers_of(size_t count) {
    int64_t *numbers = room_for(count * sizeof *numbers);
    for (size_t index = 0; index < count; index++)
        numbers[index] = dice(3) ? (int64_t)(dice(9) << dice(64)) : (int64_t)(dice(0) ^ state);
    return numbers;
}

static void round_of_numbers(void) {
    size_t count = dice(80), other_count = dice(80), step = 1 + dice(3);
    int64_t *numbers = numbers_of(count), *others = numbers_of(other_count), *hashes = room_for(8 * other_count);
    int64_t *found = room_for(8 * count), *copies = room_for(8 * (count / step));
    double *moments = room_for(8 * count);
    memcpy(moments, numbers, 8 * count);
    Streams streams = {hashes, hashes, room_for(8 * other_count), others, (int64_t)other_count};
    Events events = {numbers, numbers, numbers, numbers, moments, (int64_t)count};
    take_events(&streams, &events);
    find_repeated(numbers, (int64_t)count, found);
    copy_share(numbers, (int64_t)count, (int64_t)step, dice(2), 1 + dice(3), copies);
    remove_known(numbers, (int64_t)count, others, (int64_t)other_count);
    int64_t *ends = room_for(8 * count);
    for (size_t index = 0; index < count; index++)
        ends[index] = (index ? ends[index - 1] : 0) + (int64_t)dice(20);
    uint8_t *bytes = room_for(count ? (size_t)ends[count - 1] : 0);
    hash_texts(hash_key, bytes, ends, (int64_t)count, found);
    void *all[] = {numbers, others, hashes, found, copies, moments, streams.moments, ends, bytes};
    for (size_t index = 0; index < sizeof all / sizeof *all; index++)
        free(all[index]);
}

int main(int count, char **arguments) {
    if (count != 10)
        return 2;
    Content whole = content_of(arguments[1]), documents = content_of(arguments[7]);
    size_t size = strtoul(arguments[2], NULL, 10);
    uint32_t roots[4];
    for (int root = 0; root < 4; root++)
        roots[root] = (uint32_t)strtoul(arguments[3 + root], NULL, 10);
    state = strtoull(arguments[8], NULL, 10) * 0x9E3779B97F4A7C15 | 1;
    FILE *file = tmpfile();
    if (!file)
        return 2;
    for (uint64_t left = strtoull(arguments[9], NULL, 10); left; left--) {
        round_of_files(&whole, size, roots, fileno(file));
        round_of_numbers();
        for (int turn = 0; turn < DOCUMENTS_A_ROUND; turn++)
            round_of_events(&documents);
    }
    printf("%llu rows, %llu lists, %llu trees and %llu events were in order\n", (unsigned long long)sound_rows,
           (unsigned long long)sound_actors, (unsigned long long)sound_trees, (unsigned long long)sound_documents);
    fclose(file);
    free(whole.bytes);
    free(documents.bytes);
    return 0;
}
