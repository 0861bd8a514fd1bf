/* The pages of an event file: trees, cells and records. */

#include "native.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

uint32_t big_endian(const uint8_t *bytes, int length) {
    uint32_t value = 0;
    for (int index = 0; index < length; index++)
        value = value << 8 | bytes[index];
    return value;
}

int is_interior(uint8_t kind) { return kind == INTERIOR_INDEX || kind == INTERIOR_TABLE; }

int read_page(const File *file, uint32_t number, Page *page) {
    if (!number || number > file->page_count)
        return 0;
    uint32_t size = file->page_size, done = 0;
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
    return page->cells + 2 * page->count <= size;
}

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

/* --- Walks */

int begin_walk(Walk *walk, const File *file) {
    memset(walk, 0, sizeof *walk);
    walk->file = file;
    size_t size = file->page_size + PADDING;
    uint8_t *bytes = calloc(MOST_LEVELS_OF_TREE, size);
    walk->pages[0].bytes = bytes;
    for (int level = 1; bytes && level < MOST_LEVELS_OF_TREE; level++)
        walk->pages[level].bytes = bytes + (size_t)level * size;
    return bytes != NULL;
}

void end_walk(Walk *walk) { free(walk->pages[0].bytes); }

Page *leaf_of(Walk *walk) { return &walk->pages[walk->level]; }

uint32_t child_of(const Page *page, uint32_t index) {
    if (index > page->count)
        return 0;
    if (index == page->count)
        return big_endian(page->bytes + page->cells - 4, 4);
    uint32_t cell = cell_at(page, index);
    return cell + 4 <= page->size ? big_endian(page->bytes + cell, 4) : 0;
}

/* The first child of an interior page of a table that may have the row. */
static uint32_t child_with(const Page *page, int64_t row_id) {
    uint32_t low = 0, high = page->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2, cell = cell_at(page, middle);
        uint64_t key;
        if (cell + 4 > page->size || !read_varint(page->bytes + cell + 4, page->bytes + page->size, &key))
            return page->count + 1;
        if ((int64_t)key >= row_id)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* From the page `number` down to its first leaf, or to that which has the row. */
static int descend(Walk *walk, uint32_t number, const int64_t *row_id) {
    walk->is_lost = 1;
    for (;;) {
        Page *page = &walk->pages[walk->level];
        if (!read_page(walk->file, number, page))
            return 0;
        if (!is_interior(page->kind)) {
            walk->is_lost = page->kind != LEAF_TABLE && page->kind != LEAF_INDEX;
            return !walk->is_lost;
        }
        uint32_t child = row_id ? child_with(page, *row_id) : 0;
        number = child_of(page, child);
        walk->next[walk->level] = child + 1;
        if (!number || ++walk->level >= MOST_LEVELS_OF_TREE)
            return 0;
    }
}

int seek_row(Walk *walk, uint32_t root, int64_t row_id) {
    walk->level = 0;
    return descend(walk, root, &row_id) && leaf_of(walk)->kind == LEAF_TABLE;
}

int next_leaf(Walk *walk) {
    while (walk->level > 0) {
        Page *above = &walk->pages[--walk->level];
        uint32_t number = child_of(above, walk->next[walk->level]);
        if (number) {
            walk->next[walk->level++]++;
            return descend(walk, number, NULL);
        }
        walk->is_lost = walk->next[walk->level] <= above->count;
        if (walk->is_lost)
            return 0;
    }
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
