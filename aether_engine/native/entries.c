/* What the rows of a log, and the entries of its indexes, come to: sums that differ where a row and its entry do.
 *
 * Only the first values of a record are read, so that an event that goes on on other pages is as plain as any other.
 */

#include "native.h"

/* SQLite takes no longer ones. */
#define LONGEST_PAYLOAD 0x7FFFFFFF

static uint64_t big_endian_64(const uint8_t *at) {
    return (uint64_t)at[0] << 56 | (uint64_t)at[1] << 48 | (uint64_t)at[2] << 40 | (uint64_t)at[3] << 32 |
           (uint64_t)at[4] << 24 | (uint64_t)at[5] << 16 | (uint64_t)at[6] << 8 | at[7];
}

/* Reads as many integers as there are types; the place behind them, NULL where a value is none or not all there. */
static inline const uint8_t *read_integers(const uint8_t *types, int count, const uint8_t *at, const uint8_t *end,
                                           int64_t *values) {
    /* None of NULL, of floating point numbers, and of what is a text or a blob. */
    static const uint8_t widths[10] = {9, 1, 2, 3, 4, 6, 8, 9, 0, 0};
    for (int index = 0; index < count; index++) {
        uint8_t type = types[index], width = type < 10 ? widths[type] : 9;
        if (width > 8 || width > end - at)
            return NULL;
        /* There is PADDING behind the page. */
        values[index] = width ? (int64_t)big_endian_64(at) >> (64 - 8 * width) : type - 8;
        at += width;
    }
    return at;
}

/* How many bytes of the payload of a table's row are on its leaf: section 1.6 of the file format. */
static uint64_t length_on_leaf(uint32_t page_size, uint64_t length) {
    uint64_t most = page_size - 35, least = (page_size - 12) * 32 / 255 - 23;
    if (length <= most)
        return length;
    uint64_t rest = least + (length - least) % (page_size - 4);
    return rest <= most ? rest : least;
}

/* --- Rows and entries of the index over versions */

static uint64_t stirred(uint64_t value) {
    value = (value ^ value >> 32) * 0xD6E8FEB86659FD93U;
    value = (value ^ value >> 32) * 0xD6E8FEB86659FD93U;
    return value ^ value >> 32;
}

/* A number that is another one whatever bit of whichever of the three is: each step can be undone. Whoever writes
 * entries does not know the key, so that different ones come to the same sum once in 2^64 cases. */
static uint64_t weight_of(const uint64_t key[2], int64_t actor, int64_t version, int64_t position) {
    uint64_t weight = stirred((uint64_t)actor ^ key[0]);
    weight = stirred((weight ^ key[1]) + (uint64_t)version);
    return stirred(weight + (uint64_t)position);
}

static void add_weight(Sums *sums, int64_t actor, int64_t version, int64_t position) {
    sums->count++;
    sums->sum += weight_of(sums->key, actor, version, position);
}

static int add_row(Sums *sums, const Page *page, const uint8_t *at) {
    const uint8_t *stop = page->bytes + page->size;
    uint64_t length, row_id;
    at = read_varint(at, stop, &length);
    at = at ? read_varint(at, stop, &row_id) : NULL;
    if (!at || length > LONGEST_PAYLOAD)
        return 0;
    uint64_t here = length_on_leaf(page->size, length);
    if (here < 4 || here > (uint64_t)(stop - at))
        return 0;
    /* The head's length and the types of the position, which is the row's number, actor and version. */
    uint8_t head = at[0];
    int64_t values[2];
    if (head < 4 || head > 0x7F || head > here || at[1] || !read_integers(at + 2, 2, at + head, at + here, values))
        return 0;
    add_weight(sums, values[0], values[1], (int64_t)row_id);
    return 1;
}

/* Reads an entry of an index that is nothing but so many integers, and all on its page. */
static inline int read_entry(const Page *page, const uint8_t *at, int count, int64_t *values) {
    const uint8_t *stop = page->bytes + page->size;
    uint64_t length;
    at = read_varint(at, stop, &length);
    uint64_t head = (uint64_t)count + 1;
    /* At most 8 bytes for each: far from what would go on on another page. */
    if (!at || length < head || length > (uint64_t)(stop - at) || at[0] != head)
        return 0;
    return read_integers(at + 1, count, at + head, at + length, values) == at + length;
}

static int add_version(Sums *sums, const Page *page, const uint8_t *at) {
    int64_t values[3];
    if (!read_entry(page, at, 3, values))
        return 0;
    add_weight(sums, values[0], values[1], values[2]);
    return 1;
}

/* --- Entries of the index over ids */

static IdSums *range_of(const Sums *sums, int64_t position) {
    int64_t low = 0, high = sums->id_ranges;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (sums->ids[middle].last < position)
            low = middle + 1;
        else
            high = middle;
    }
    return low < sums->id_ranges && sums->ids[low].first <= position ? &sums->ids[low] : NULL;
}

static int add_id(Sums *sums, const Page *page, const uint8_t *at) {
    int64_t values[2];
    if (!read_entry(page, at, 2, values))
        return 0;
    IdSums *range = range_of(sums, values[1]);
    if (range) {
        range->count++;
        range->high_sum += (uint64_t)(values[0] >> 32);
        range->low_sum += (uint64_t)values[0] & 0xFFFFFFFF;
        range->places += (uint64_t)values[1] & ((1ULL << 40) - 1);
    }
    return 1;
}

void add_entries(Sums *sums, const Page *page) {
    uint32_t child = is_interior(page->kind) ? 4 : 0;
    /* The pages between a table's rows have none. */
    if (page->kind == INTERIOR_TABLE)
        return;
    for (uint32_t index = 0; index < page->count && !sums->unknown; index++) {
        const uint8_t *at = page->bytes + cell_at(page, index) + child;
        switch (sums->kind) {
        case EVENT_ROWS:
            sums->unknown = !add_row(sums, page, at);
            break;
        case VERSION_ENTRIES:
            sums->unknown = !add_version(sums, page, at);
            break;
        case ID_ENTRIES:
            sums->unknown = !add_id(sums, page, at);
            break;
        default:
            return;
        }
    }
}
