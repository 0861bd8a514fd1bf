/* The pages of an event file: trees, cells and records. */

#include "native.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* No cell takes less of a page. */
#define LEAST_CELL 4
/* The page with the byte at which SQLite locks a file belongs to no tree. */
#define LOCKED_BYTE 0x40000000u

uint32_t big_endian(const uint8_t *bytes, int length) {
    uint32_t value = 0;
    for (int index = 0; index < length; index++)
        value = value << 8 | bytes[index];
    return value;
}

int is_interior(uint8_t kind) { return kind == INTERIOR_INDEX || kind == INTERIOR_TABLE; }

static int is_of_table(const Page *page) { return page->kind == INTERIOR_TABLE || page->kind == LEAF_TABLE; }

uint32_t cell_at(const Page *page, uint32_t index) { return big_endian(page->bytes + page->cells + 2 * index, 2); }

const uint8_t *read_varint(const uint8_t *at, const uint8_t *end, uint64_t *value) {
    uint64_t result = 0;
    for (int index = 0; index < 8; index++) {
        if (at >= end)
            return NULL;
        result = result << 7 | (*at & 0x7F);
        if (*at++ < 0x80) {
            *value = result;
            return at;
        }
    }
    if (at >= end)
        return NULL;
    *value = result << 8 | *at++;
    return at;
}

/* --- Pages */

/* How much of a payload is on a page itself; section 1.6 of the format. */
static uint64_t local_length(const Page *page, uint64_t length) {
    uint64_t part = (page->size - 12) * 32 / 255 - 23;
    uint64_t most = page->kind == LEAF_TABLE ? page->size - 35 : (page->size - 12) * 64 / 255 - 23;
    if (length <= most)
        return length;
    uint64_t surplus = part + (length - part) % (page->size - 4);
    return (surplus <= most ? surplus : part) + 4;
}

/* Whether the cell that begins at `at` is all on its page, as SQLite reckons that. */
static int is_cell(const Page *page, uint32_t at) {
    const uint8_t *end = page->bytes + page->size, *next = page->bytes + at;
    uint64_t length = 0, row_id;
    if (is_interior(page->kind))
        next += 4;
    if (page->kind != INTERIOR_TABLE)
        next = read_varint(next, end, &length);
    if (next && is_of_table(page))
        next = read_varint(next, end, &row_id);
    return next && length <= INT32_MAX && local_length(page, length) <= (uint64_t)(end - next);
}

/* SQLite looks at all cells of a page before it reads one, and refuses the page where one is not on it. */
static int are_cells(const Page *page) {
    uint32_t first = page->cells + 2 * page->count;
    for (uint32_t index = 0; index < page->count; index++) {
        uint32_t at = cell_at(page, index);
        if (at < first || at + LEAST_CELL > page->size || !is_cell(page, at))
            return 0;
    }
    return 1;
}

static int is_kind(uint8_t kind) { return is_interior(kind) || kind == LEAF_INDEX || kind == LEAF_TABLE; }

int read_page(const File *file, uint32_t number, Page *page) {
    uint32_t size = file->page_size, done = 0;
    if (!number || number > file->page_count || number == LOCKED_BYTE / size + 1)
        return 0;
    off_t offset = (off_t)(number - 1) * size;
    while (done < size) {
        ssize_t count = pread(file->descriptor, page->bytes + done, size - done, offset + done);
        if (count <= 0)
            return 0;
        done += (uint32_t)count;
    }
    uint32_t header = number == 1 ? 100 : 0;
    page->number = number;
    page->size = size;
    page->kind = page->bytes[header];
    page->count = big_endian(page->bytes + header + 3, 2);
    page->cells = header + (is_interior(page->kind) ? 12 : 8);
    return is_kind(page->kind) && page->count <= (size - 8) / 6 && page->cells + 2 * page->count <= size &&
           are_cells(page);
}

/* --- Walks */

int begin_walk(Walk *walk, const File *file) {
    memset(walk, 0, sizeof *walk);
    walk->file = file;
    for (int level = 0; level < MOST_LEVELS_OF_TREE; level++) {
        walk->pages[level].bytes = calloc(1, file->page_size + PADDING);
        if (!walk->pages[level].bytes)
            return 0;
    }
    return 1;
}

void end_walk(Walk *walk) {
    for (int level = 0; level < MOST_LEVELS_OF_TREE; level++)
        free(walk->pages[level].bytes);
}

Page *leaf_of(Walk *walk) { return &walk->pages[walk->level]; }

uint32_t child_of(const Page *page, uint32_t index) {
    if (index > page->count)
        return 0;
    return big_endian(page->bytes + (index == page->count ? page->cells - 4 : cell_at(page, index)), 4);
}

/* The row id of a cell of a table's page. */
static int64_t row_id_of(const Page *page, uint32_t index) {
    const uint8_t *at = page->bytes + cell_at(page, index), *end = page->bytes + page->size;
    uint64_t value = 0;
    at = page->kind == INTERIOR_TABLE ? at + 4 : read_varint(at, end, &value);
    read_varint(at, end, &value);
    return (int64_t)value;
}

/* The first child of an interior page of a table that may have the row. */
static uint32_t child_with(const Page *page, int64_t row_id) {
    uint32_t low = 0, high = page->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (row_id_of(page, middle) >= row_id)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Whether row ids rise, within what the pages above leave to the page: then SQLite finds those rows and no others,
 * whichever way it looks for them. */
static int is_in_order(const Walk *walk, const Page *page) {
    int64_t latest = walk->above[walk->level];
    for (uint32_t index = 0; index < page->count; index++) {
        int64_t row_id = row_id_of(page, index);
        if (row_id <= latest)
            return 0;
        latest = row_id;
    }
    return latest <= walk->up_to[walk->level];
}

/* Whether the page the walk has come to may be there, by what SQLite asks of one. */
static int belongs(const Walk *walk, const Page *page) {
    if (!page->count && (walk->level || is_interior(page->kind)))
        return 0;
    if (walk->level && is_of_table(page) != is_of_table(&walk->pages[walk->level - 1]))
        return 0;
    return !is_of_table(page) || is_in_order(walk, page);
}

/* Notes which child is gone to, and which rows can be there. */
static void choose(Walk *walk, const Page *page, uint32_t child) {
    int level = walk->level;
    walk->next[level] = child + 1;
    if (!is_of_table(page) || level + 1 >= MOST_LEVELS_OF_TREE)
        return;
    walk->above[level + 1] = child ? row_id_of(page, child - 1) : walk->above[level];
    walk->up_to[level + 1] = child < page->count ? row_id_of(page, child) : walk->up_to[level];
}

/* From the page `number` down to its first leaf, or to that of a table which has the row. */
static int descend(Walk *walk, uint32_t number, const int64_t *row_id) {
    walk->is_lost = 1;
    for (;;) {
        Page *page = &walk->pages[walk->level];
        if (!read_page(walk->file, number, page) || !belongs(walk, page) || (row_id && !is_of_table(page)))
            return 0;
        if (!is_interior(page->kind)) {
            walk->is_lost = 0;
            return 1;
        }
        uint32_t child = row_id ? child_with(page, *row_id) : 0;
        number = child_of(page, child);
        choose(walk, page, child);
        if (!number || ++walk->level >= MOST_LEVELS_OF_TREE)
            return 0;
    }
}

int seek_row(Walk *walk, uint32_t root, int64_t row_id) {
    walk->level = 0;
    walk->above[0] = INT64_MIN;
    walk->up_to[0] = INT64_MAX;
    return descend(walk, root, &row_id);
}

int next_leaf(Walk *walk) {
    while (walk->level > 0) {
        Page *above = &walk->pages[--walk->level];
        uint32_t child = walk->next[walk->level];
        if (child > above->count)
            continue;
        choose(walk, above, child);
        walk->level++;
        return descend(walk, child_of(above, child), NULL);
    }
    walk->is_lost = 0;
    return 0;
}

/* --- Rows */

int read_row(const Page *page, uint32_t index, int64_t *row_id, const uint8_t **payload, const uint8_t **end) {
    const uint8_t *stop = page->bytes + page->size, *at = page->bytes + cell_at(page, index);
    uint64_t length, key;
    at = at < stop ? read_varint(at, stop, &length) : NULL;
    at = at ? read_varint(at, stop, &key) : NULL;
    /* Longer ones go on on other pages. */
    if (!at || length > page->size - 35 || length > (uint64_t)(stop - at))
        return 0;
    *row_id = (int64_t)key;
    *payload = at;
    *end = at + length;
    return 1;
}

static uint64_t width_of(uint64_t type) {
    static const uint8_t widths[12] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0};
    return type < 12 ? widths[type] : (type - 12) / 2;
}

int read_record(const uint8_t *at, const uint8_t *end, int count, Record *record) {
    const uint8_t *start = at;
    uint64_t head;
    at = read_varint(at, end, &head);
    if (!at || head > (uint64_t)(end - start))
        return 0;
    const uint8_t *value = start + head;
    for (int index = 0; index < count; index++) {
        at = read_varint(at, start + head, &record->types[index]);
        if (!at)
            return 0;
        uint64_t width = width_of(record->types[index]);
        if (width > (uint64_t)(end - value))
            return 0;
        record->values[index] = value;
        value += width;
    }
    return at == start + head && value == end;
}

int integer_of(const Record *record, int index, int64_t *value) {
    uint64_t type = record->types[index];
    const uint8_t *at = record->values[index];
    if (type == 8 || type == 9) {
        *value = (int64_t)type - 8;
        return 1;
    }
    if (type < 1 || type > 6)
        return 0;
    uint64_t result = *at & 0x80 ? UINT64_MAX : 0;
    for (uint64_t byte = width_of(type); byte; byte--)
        result = result << 8 | *at++;
    *value = (int64_t)result;
    return 1;
}

int bytes_of(const Record *record, int index, int kind, Text *bytes) {
    uint64_t type = record->types[index];
    if (type < 12 || (int)(type & 1) != kind)
        return 0;
    bytes->at = record->values[index];
    bytes->length = (size_t)((type - 12) / 2);
    return 1;
}
